"""What our own safetensors files say of themselves: a checksum, and nothing of the maker's machine.

The format has no checksum of its own. The entry CHECKSUM of the header is the CRC-32 of the whole
file with zeros in the entry's place, so that a changed byte is noticed when the file is read.
Files without it, from before there was one, are read as they are.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping
from typing import Any

from .errors import InputError
from .given_file import open_given

CHECKSUM = "crc32"
UNSEALED = "00000000"
"""What stands in the header's entry until `sealed` fills it in."""

_ENTRY = re.compile(rb'(?<!\\)"crc32": ?"(.{8})"', re.DOTALL)
_CHUNK = 1 << 24
_LONGEST = 1 << 27  # bytes of a header

# A folder at the root, of a user, of a drive or above: all of it but the last name. Addresses such
# as https://x/y are left alone.
_FOLDERS = re.compile(
    r"(?<![\w.:/\\}-])(?:file://|[A-Za-z]:(?=[\\/])|~\w*(?=[\\/])|\.\.(?=[\\/]))?"
    r"[\\/]{1,2}(?:[^\\/\s'\",;:]+(?: [^\\/\s'\",;:]+)*[\\/])*(?=[^\\/\s'\",;:])"
)


def sealed(content: bytes) -> bytes:
    """A safetensors file whose header's metadata has the entry CHECKSUM, with the right value.

    Raises:
        InputError: there is no such entry.
    """
    at = _place(content)
    if at is None:
        raise InputError("content", f"a header with the entry {CHECKSUM}", "none")
    blank = content[:at] + UNSEALED.encode() + content[at + 8 :]
    return content[:at] + b"%08x" % zlib.crc32(blank) + content[at + 8 :]


def check_seal(path: str | os.PathLike[str], expected: str) -> None:
    """Raise where a file has a checksum that is not its own.

    Args:
        path: the file.
        expected: what it should be, for messages.

    Raises:
        MissingFileError: there is no such file.
        InputError: as `open_given`, or bytes have changed since it was written.
    """
    with open_given(path, expected) as stream:
        start = stream.read(8)
        header = stream.read(min(int.from_bytes(start, "little"), _LONGEST))
        at = _place(start + header)
        if at is None:
            return
        value = (start + header)[at : at + 8]
        checksum = zlib.crc32(
            (start + header)[:at] + UNSEALED.encode() + (start + header)[at + 8 :]
        )
        while part := stream.read(_CHUNK):
            checksum = zlib.crc32(part, checksum)
    if value != b"%08x" % checksum:
        told = value.decode(errors="replace")
        got = f"other bytes than were written (checksum {checksum:08x} instead of {told})"
        raise InputError(
            os.fspath(path), f"{expected}, undamaged", got, "Get or write the file again."
        )


def _place(content: bytes) -> int | None:
    """Where the value of the entry begins in a file, or in its beginning up to the tensors."""
    end = 8 + int.from_bytes(content[:8], "little")
    entry = _ENTRY.search(content, 8, min(end, len(content)))
    return None if entry is None else entry.start(1)


def without_folders(value: Any) -> Any:  # noqa: ANN401
    """The same plain values; of absolute paths in texts only the last name is left.

    Relative paths below the folder of work ("shards/train") stay, as they say nothing of a machine.

    >>> without_folders({"data": "/home/ann/faces.tar", "out": "shards/train"})
    {'data': 'faces.tar', 'out': 'shards/train'}
    """
    if isinstance(value, Mapping):
        return {str(key): without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(item) for item in value]
    return _FOLDERS.sub("", value) if isinstance(value, str) else value
