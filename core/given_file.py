"""Files that somebody gave: opened only where they are plain files and what they are said to be.

A pipe would be waited for, a device never ends, and what a browser or Git left in a file's place is
named as what it is.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from .errors import InputError, MissingFileError

_HEAD = 1024  # bytes that tell what a file is
_AGAIN = "Get the file again from where it came from."
_LFS = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml version")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_given(path: str | os.PathLike[str], expected: str) -> BinaryIO:
    """Open a file for reading.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(b"v 0 0 0"), file.flush()
    ...     with open_given(file.name, "a mesh") as stream:
    ...         stream.read(1)
    b'v'

    Args:
        path: a plain file, or a link to one.
        expected: what should be in it, for messages.

    Raises:
        MissingFileError: nothing is there.
        InputError: a folder, pipe, device or socket, an empty file, one that must not be read, a
            pointer of Git LFS, or a web page; the message says which.
    """
    name = os.fspath(path)
    try:
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except FileNotFoundError as error:
        raise MissingFileError(name, f"The file ({expected})", "Check the path.") from error
    except IsADirectoryError as error:
        raise InputError(name, expected, "a folder", "Name a file.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte in it
        raise InputError(name, expected, _reason(error), "Name a file to read.") from error
    try:
        _check_plain(name, expected, os.fstat(handle))
    except InputError:
        os.close(handle)
        raise
    stream = os.fdopen(handle, "rb")
    try:
        _check_content(name, expected, stream)
    except InputError:
        stream.close()
        raise
    return stream


def read_given(path: str | os.PathLike[str], expected: str, limit: int) -> bytes:
    """The content of a file of limited size.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(b"v 0 0 0"), file.flush()
    ...     read_given(file.name, "a mesh", limit=100)
    b'v 0 0 0'

    Args:
        path: a plain file, or a link to one.
        expected: what should be in it, for messages.
        limit: the most bytes that it may have.

    Raises:
        MissingFileError: nothing is there.
        InputError: as `open_given`, or a larger file.
    """
    with open_given(path, expected) as stream:
        content = stream.read(min(limit, os.fstat(stream.fileno()).st_size) + 1)
    if len(content) > limit:
        got = f"more than {limit:,} bytes"
        raise InputError(os.fspath(path), f"{expected} of at most {limit:,} bytes", got, _AGAIN)
    return content


def check_given(path: str | os.PathLike[str], expected: str) -> None:
    """Raise as `open_given` does, for readers that open a file themselves.

    Args:
        path: a plain file, or a link to one.
        expected: what should be in it, for messages.

    Raises:
        MissingFileError: nothing is there.
        InputError: as `open_given`.
    """
    open_given(path, expected).close()


def mistaken_for(head: bytes) -> tuple[str, str] | None:
    """What a file's first bytes are that is none of the files read here, and the remedy.

    Args:
        head: the first 1,024 bytes, or all there are.
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_LFS):
        remedy = "Fetch the file itself: git lfs pull, in the repository that it comes from."
        return "a pointer of Git LFS, which stands for the file", remedy
    if start.startswith(_PAGES) and (b"html" in start or not start.startswith(b"<?xml")):
        remedy = "The download needs a login or another address; open it in a browser."
        return "a web page (HTML)", remedy
    return None


def _check_plain(name: str, expected: str, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        kind = _KINDS.get(stat.S_IFMT(state.st_mode), "no plain file")
        raise InputError(name, expected, kind, "Name a file.")
    if state.st_size == 0:
        raise InputError(name, expected, "an empty file", _AGAIN)


def _check_content(name: str, expected: str, stream: BinaryIO) -> None:
    try:
        head = stream.read(_HEAD)
        stream.seek(0)
    except OSError as error:
        raise InputError(name, expected, _reason(error), "Name a file to read.") from error
    other = mistaken_for(head)
    if other is not None:
        raise InputError(name, expected, *other)


def _reason(error: OSError | ValueError) -> str:
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    if isinstance(error, PermissionError):
        return "a file that must not be read"
    return f"one that cannot be opened ({text})"


_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def read_given_text(
    path: str | os.PathLike[str], expected: str, limit: int = 1 << 28, *, lenient: bool = False
) -> str:
    """The text of a file of limited size.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(b"anna.jpg"), file.flush()
    ...     read_given_text(file.name, "a list of names")
    'anna.jpg'

    Args:
        path: a plain file, or a link to one.
        expected: what should be in it, for messages.
        limit: the most bytes that it may have.
        lenient: whether bytes that are no UTF-8 become U+FFFD instead of an error.

    Raises:
        MissingFileError: nothing is there.
        InputError: as `read_given`, or it is no UTF-8.
    """
    content = read_given(path, expected, limit)
    try:
        return content.decode("utf-8-sig", "replace" if lenient else "strict")
    except UnicodeDecodeError as error:
        got = f"bytes that are no UTF-8 (at {error.start:,})"
        raise InputError(os.fspath(path), f"{expected} in UTF-8", got, _AGAIN) from None
