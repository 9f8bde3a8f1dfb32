"""Finding the files that an asset names, on file systems other than its maker's."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath


def find_named(folder: Path, name: str, root: Path) -> Path | None:
    """The file that a file in `folder` names, or None.

    It is looked for beside that file, then from `root` and its folder `data`, where MakeHuman
    looks, then by its bare name beside that file; upper and lower case are one. What a name leads
    to outside of `root` is not found.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/":
        parts = parts[-1:]
    if not parts:
        return None
    tries = [(folder, parts), (root, parts), (root / "data", parts), (folder, parts[-1:])]
    for start, steps in tries:
        found = _walk(start, steps)
        if found is not None and found.is_file():
            plain = Path(os.path.normpath(found))
            if plain.is_relative_to(root):
                return plain
    return None


def _walk(start: Path, steps: tuple[str, ...]) -> Path | None:
    """Follow `steps`, each as it is written or else in another case."""
    place = start
    for step in steps:
        try:
            if not (place / step).exists():
                step = min(p.name for p in place.iterdir() if p.name.lower() == step.lower())
        except (OSError, ValueError):  # no folder, a name that cannot be, or none alike
            return None
        place = place / step
    return place
