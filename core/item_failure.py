"""One bad photograph, face or file among many: a short message for it, and the rest goes on."""

from __future__ import annotations

import errno
import gc
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .errors import Selfie3dError, SettingError
from .whole_file import FullError

T = TypeVar("T")
LOG = "selfie3d_errors.log"
"""Beside the results: tracebacks of what nobody foresaw."""
_LONGEST = 200  # characters of a message of somebody else's


@dataclass(frozen=True)
class Failed:
    """Why an item has no result.

    >>> Failed(ValueError("no digits"), "b.png: no digits").message
    'b.png: no digits'

    Attributes:
        error: what was raised.
        message: the same for people.
    """

    error: Exception
    message: str


class FailureLog:
    """Tracebacks of errors that nobody foresaw; the file is made with the first of them.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log = FailureLog(Path(folder, "errors.log"))
    ...     log.add("b.png", ZeroDivisionError("division by zero"))
    ...     log.written.read_text().splitlines()[0]
    'b.png'

    Args:
        path: of the file, beside the results; several processes may add to it. None keeps none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def forget(self) -> None:
        """Remove what an earlier run left."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def add(self, item: str, error: BaseException) -> None:
        """Write down a traceback, where that can be done."""
        if self.path is None:
            return
        name = item.encode("utf-8", "backslashreplace").decode()
        text = "".join(traceback.format_exception(error))
        content = f"{name}\n{text}\n".encode("utf-8", "backslashreplace")
        with suppress(OSError), open(self.path, "ab") as file:
            file.write(content)

    @property
    def written(self) -> Path | None:
        """The file, if there is one."""
        return self.path if self.path is not None and self.path.is_file() else None


def attempt(item: str, call: Callable[[], T], log: FailureLog | None = None) -> T | Failed:
    """The result of `call`, or what went wrong with it.

    Every exception is the item's own failure, lack of memory included, but for two: where the disk
    is full nothing else can be written either, and a wrong setting is wrong for all.

    >>> attempt("a.png", lambda: 2 + 2)
    4
    >>> attempt("b.png", lambda: int("b")).message
    "unexpected ValueError: invalid literal for int() with base 10: 'b'"

    Args:
        item: what is worked on, for the log.
        call: the work.
        log: for tracebacks.

    Raises:
        FullError: the disk is full.
        SettingError: what was asked for cannot work with any item.
    """
    try:
        return call()
    except (FullError, SettingError):
        raise
    except Exception as error:  # noqa: BLE001  (told and logged; the others are none the worse)
        if log is not None and not isinstance(error, Selfie3dError | MemoryError | OSError):
            log.add(item, error)
        traceback.clear_frames(error.__traceback__)  # pictures that filled the memory
        if is_lack_of_memory(error):
            gc.collect()
        return Failed(error, said(error))


def said(error: BaseException) -> str:
    """An error in one line for people; ours say it themselves.

    >>> said(MemoryError())
    'not enough memory for it. Make it smaller, or close other programs.'
    """
    if isinstance(error, Selfie3dError):
        return str(error)
    if is_lack_of_memory(error):
        return "not enough memory for it. Make it smaller, or close other programs."
    if isinstance(error, OSError) and error.errno:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror} ({errno.errorcode.get(error.errno, error.errno)})"
    first = " ".join(str(error).split())[:_LONGEST]
    return f"unexpected {type(error).__name__}: {first}" if first else type(error).__name__


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether Python, NumPy or torch got no memory.

    >>> is_lack_of_memory(RuntimeError("CUDA out of memory."))
    True
    """
    text = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("can't allocate memory" in text or "out of memory" in text)
    )
