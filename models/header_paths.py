"""What a weights file says of its training, without the folders of the machine that trained it.

A shipped file whose header was written before folders were left out, or has no checksum, is mended
by

    python -m selfie3d.models.header_paths FILE.safetensors
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..core.errors import InputError
from ..core.seal import CHECKSUM, UNSEALED, check_seal, sealed, without_folders
from ..core.whole_file import write_bytes


def rewrite_header(path: str | Path) -> None:
    """Leave folders out of the facts of a weights file, and give it a checksum (`core/seal.py`).

    Its tensors stay as they are, bit for bit.

    Raises:
        InputError: the file is no safetensors file, or cannot be written.
    """
    file = Path(path)
    check_seal(file, "a weights file with facts")
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
        told = {key: json.loads(header["__metadata__"][key]) for key in ("facts", "options")}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(str(file), "a weights file with facts", str(error)) from error
    header["__metadata__"] |= {k: json.dumps(without_folders(v)) for k, v in told.items()}
    header["__metadata__"][CHECKSUM] = UNSEALED
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of eight
    write_bytes(file, sealed(len(text).to_bytes(8, "little") + text + content[8 + size :]))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite_header(name)
