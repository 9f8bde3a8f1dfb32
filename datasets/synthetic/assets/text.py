"""The words of MakeHuman's text files, whatever the editor that saved them."""

from __future__ import annotations

import codecs
from pathlib import Path

from ....core.errors import InputError

_LARGEST = 64_000_000  # bytes; hair of a million vertices
_COMMENTS = ("#", "//")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_words(path: Path) -> list[list[str]]:
    """The words of every line that is neither empty nor a comment.

    UTF-8 and UTF-16 with a mark at the start are known; what is neither is taken as Latin-1, in
    which every byte means something.

    Raises:
        InputError: the file cannot be read, or is too large to be such a file.
    """
    try:
        check_size(path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), "a file that can be read", str(error.strerror)) from error
    lines = (line.split() for line in _decoded(data).splitlines())
    return [words for words in lines if words and not words[0].startswith(_COMMENTS)]


def check_size(path: Path) -> None:
    """Raise InputError for what is too large to be a text file; OSError where there is none."""
    size = path.stat().st_size
    if size > _LARGEST:
        raise InputError(str(path), f"a text file of at most {_LARGEST:,} bytes", f"{size:,}")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-16" if data.startswith(_WIDE) else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_number(word: str) -> bool:
    """Whether the word is a number, infinity and NaN included."""
    try:
        float(word)
    except ValueError:
        return False
    return True
