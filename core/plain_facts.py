"""What a file of ours says of its making, without the folders of the machine that made it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# A folder at the root, of a user, of a drive or above: all of it but the last name. Addresses such
# as https://x/y are left alone.
_FOLDERS = re.compile(
    r"(?<![\w.:/\\}-])(?:file://|[A-Za-z]:(?=[\\/])|~\w*(?=[\\/])|\.\.(?=[\\/]))?"
    r"[\\/]{1,2}(?:[^\\/\s'\",;:]+(?: [^\\/\s'\",;:]+)*[\\/])*(?=[^\\/\s'\",;:])"
)


def without_folders(value: Any) -> Any:  # noqa: ANN401
    """The same plain values; of absolute paths in texts only the last name is left.

    Relative paths below the folder of work ("shards/train") stay, as they say nothing of a machine.
    """
    if isinstance(value, Mapping):
        return {str(key): without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(item) for item in value]
    return _FOLDERS.sub("", value) if isinstance(value, str) else value
