"""Errors a user can act on: each names what was expected, what came, and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Selfie3dError(Exception):
    """Base of every error this package raises on purpose; travels between processes whole."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[Selfie3dError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:  # noqa: ANN401
    """An error of another process; its constructor takes other arguments than `args`."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def shown(text: str, keep: str = "") -> str:
    r"""Text that a terminal shows as it is.

    Control characters and bytes that are no UTF-8, as in the names of files, become escapes.

    >>> shown("a\x1b[31mb")
    'a\\x1b[31mb'

    Args:
        text: of any origin.
        keep: characters that stay whatever they are.
    """
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python reads a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class InputError(Selfie3dError, ValueError):
    """An argument or a file has unusable content.

    >>> raise InputError("trim", "a share in [0, 1)", "1.5", "Leave fewer out.")
    Traceback (most recent call last):
    ...
    selfie3d.core.errors.InputError: trim: expected a share in [0, 1), got 1.5. Leave fewer out.

    Args:
        argument: name of the argument or file at fault.
        expected: what would have been right.
        got: what came.
        remedy: what the user can do about it.
    """

    def __init__(self, argument: str, expected: str, got: str, remedy: str = "") -> None:
        self.argument, self.expected, self.got, self.remedy = argument, expected, got, remedy
        text = f"{shown(argument)}: expected {expected}, got {got}. {remedy}".rstrip()
        super().__init__(shown(text, keep="\n"))


class SettingError(InputError):
    """A setting that cannot work with any item, as opposed to the failure of one item."""


class MissingFileError(Selfie3dError, FileNotFoundError):
    """A file the user has to provide is not there.

    Args:
        path: where it was looked for.
        what: what the file is.
        remedy: where to get it, under which licence, and where to put it.
    """

    def __init__(self, path: str, what: str, remedy: str) -> None:
        self.path, self.what, self.remedy = path, what, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        return shown(f"{self.what} not found at {self.path}. {self.remedy}".rstrip())


def all_missing(errors: Sequence[MissingFileError]) -> MissingFileError:
    """One error for several missing files; the same error where there is only one.

    >>> lost = [MissingFileError(f"/data/{n}", f"File {n}", "Fetch it.") for n in "ab"]
    >>> print(all_missing(lost))
    2 files (File a; File b) not found at /data/a; /data/b. Fetch it.
    """
    if len(errors) == 1:
        return errors[0]
    paths, whats = [e.path for e in errors], [e.what.rstrip(",") for e in errors]
    remedies = " ".join(dict.fromkeys(e.remedy for e in errors))
    return MissingFileError("; ".join(paths), f"{len(errors)} files ({'; '.join(whats)})", remedies)


class UnknownNameError(Selfie3dError, LookupError):
    """A registry or configuration has no such name.

    >>> print(UnknownNameError("rasterizer", "cpo", ["cpu", "auto"]))
    unknown rasterizer 'cpo'. Did you mean 'cpu'? Known: auto, cpu.

    Args:
        kind: what was looked up ("network", "rasterizer", "configuration key").
        name: the name that is not known.
        known: every name that is.
    """

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        from difflib import get_close_matches

        self.kind, self.name, self.known = kind, name, sorted(known)
        nearest = get_close_matches(name, self.known, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(self.known)}.")


class NoFaceError(Selfie3dError):
    """A photograph holds no face that could be found."""


class DuplicateNameError(Selfie3dError, ValueError):
    """A name was registered twice."""
