"""Photographs in folders: what can be opened is taken, what is passed over is counted and named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import InputError
from .picture_limits import FORMATS, format_of, spoken, suffixes, what_is_missing

HIDDEN, OTHER, LINK, AGAIN, APART = (
    "hidden",
    "no picture by suffix",
    "a link to a folder",
    "the same file again",
    "results of an earlier run",
)
_NAMED = 3  # files of a reason that are named in a line


@dataclass
class FoundPictures:
    """The pictures in some folders, and what was passed over.

    >>> found = FoundPictures(passed=[(Path("notes.txt"), OTHER), (Path("list.csv"), OTHER)])
    >>> found.lines()
    ['2 passed over (no picture by suffix): notes.txt, list.csv']

    Attributes:
        pictures: files to open, each once.
        passed: files and folders that are not taken, with the reason.
    """

    pictures: list[Path] = field(default_factory=list)
    passed: list[tuple[Path, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A line for every reason: how many were passed over, and the first of them."""
        lines = []
        for reason in dict.fromkeys(reason for _, reason in self.passed):
            files = [path.name for path, other in self.passed if other == reason]
            names = ", ".join(files[:_NAMED]) + (", ..." if len(files) > _NAMED else "")
            lines.append(f"{len(files)} passed over ({reason}): {names}")
        return lines


def find_pictures(
    paths: Iterable[str | os.PathLike[str]], apart: Callable[[Path], bool] = lambda path: False
) -> FoundPictures:
    """Files as given; folders replaced by the pictures in them and below, in alphabetical order.

    A picture is told by its suffix, a file without a suffix by its content. Hidden files and
    folders and links to folders are passed over.

    Args:
        paths: files and folders.
        apart: whether a file or folder below the given ones holds results, not photographs.

    Raises:
        InputError: a path does not exist, a folder cannot be read or holds no picture.
    """
    found, seen = FoundPictures(), dict[Path, Path]()
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(
                str(path), "a photograph or a folder", "nothing at this path", "Check the spelling."
            )
        for picture in _below(path, apart, found.passed) if path.is_dir() else [path]:
            real = picture.resolve()
            if real not in seen:
                seen[real] = picture
                found.pictures.append(picture)
            elif seen[real] != picture:
                found.passed.append((picture, AGAIN))
    return found


def walk_pictures(root: Path, apart: Callable[[Path], bool] = lambda path: False) -> FoundPictures:
    """The pictures of one folder and of those below it, as `find_pictures`; none is no error.

    Args:
        root: the folder.
        apart: whether a file or folder below it holds results, not photographs.
    """
    found = FoundPictures()
    for folder, file in _files(root, apart, found.passed):
        reason = APART if apart(folder / file) else _why_not(folder / file)
        if reason:
            found.passed.append((folder / file, reason))
        else:
            found.pictures.append(folder / file)
    found.pictures.sort()
    found.passed.sort()
    return found


def _below(root: Path, apart: Callable[[Path], bool], passed: list[tuple[Path, str]]) -> list[Path]:
    try:
        os.listdir(root)
    except OSError as error:
        got = f"a folder that cannot be read ({error.strerror})"
        raise InputError(str(root), "a folder of photographs", got) from error
    found = walk_pictures(root, apart)
    if not found.pictures:
        got = "; ".join(found.lines()) or "nothing in it"
        raise InputError(str(root), f"a folder with images ({spoken()})", f"none in it: {got}")
    passed += found.passed
    return found.pictures


def _files(
    root: Path, apart: Callable[[Path], bool], passed: list[tuple[Path, str]]
) -> Iterator[tuple[Path, str]]:
    """Every file below a folder; folders that are not entered are added to `passed`."""

    def unreadable(error: OSError) -> None:
        passed.append((Path(os.fsdecode(error.filename)), f"cannot be read ({error.strerror})"))

    for folder, below, files in os.walk(root, onerror=unreadable):
        here, entered = Path(folder), []
        for name in sorted(below):
            path = here / name
            if name.startswith("."):
                continue  # such as .git and our own notes: nobody means these
            if path.is_symlink():
                passed.append((path, LINK))
            elif apart(path):
                passed.append((path, APART))
            else:
                entered.append(name)
        below[:] = entered
        yield from ((here, name) for name in sorted(files))


def _why_not(path: Path) -> str:
    """Why a file is not taken; "" where it is."""
    if path.name.startswith("."):
        return HIDDEN
    suffix = path.suffix.lower()
    if suffix in suffixes():
        return "" if path.is_file() else "no file"
    known = next((f for f in FORMATS if suffix in f.suffixes), None)
    if known is None and not suffix and path.is_file():
        known = format_of(path)
    if known is None:
        return OTHER
    return what_is_missing(known)
