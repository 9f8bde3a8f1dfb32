"""Where the files of a clip go: never over anybody else's."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.errors import InputError, Selfie3dError
from ...core.text_files import read_json
from ...core.whole_file import prepare_folder

FILM = "_overlay.mp4"
ENDINGS = (".csv", "_live_link.csv", ".glb", "_viewer.html", ".json")
"""Of the files of a person, after the name; the film is the clip's."""


def make_room(out: Path, name: str) -> None:
    """Make the folder, and remove what an earlier run made of a clip of this name.

    Args:
        out: the folder.
        name: of the files, without suffix.

    Raises:
        InputError: a file lies where a result would go, and no record of ours names it.
    """
    prepare_folder(out)
    ending = "|".join(map(re.escape, (FILM, *ENDINGS)))
    pattern = re.compile(rf"{re.escape(name)}(?:_[2-9]|_[1-9][0-9]+)?(?:{ending})")
    there = [path for path in out.iterdir() if pattern.fullmatch(path.name)]
    ours = {file for path in there if path.suffix == ".json" for file in _recorded(path)}
    for path in there:
        if path.name not in ours:
            expected = f"a folder where {path.name} may be written"
            raise InputError("out", expected, str(out), "Take an empty folder.")
    for path in there:
        path.unlink(missing_ok=True)


def _recorded(path: Path) -> set[str]:
    """What a record of a clip and the files that it names are called; nothing of others."""
    try:
        content = read_json(path, "the record of a clip")
    except Selfie3dError:
        return set()
    files = content.get("files")
    if not isinstance(content.get("clip"), dict) or not isinstance(files, list):
        return set()
    return {path.name, *(name for name in files if isinstance(name, str))}
