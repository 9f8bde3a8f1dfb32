"""Errors a user can act on: each names what was expected, what came, and the remedy."""

from __future__ import annotations


class Selfie3dError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(Selfie3dError, ValueError):
    """An argument or a file has unusable content.

    Args:
        argument: name of the argument or file at fault.
        expected: what would have been right.
        got: what came.
        remedy: what the user can do about it.
    """

    def __init__(self, argument: str, expected: str, got: str, remedy: str = "") -> None:
        self.argument, self.expected, self.got, self.remedy = argument, expected, got, remedy
        text = f"{argument}: expected {expected}, got {got}."
        super().__init__(f"{text} {remedy}".rstrip())


class MissingFileError(Selfie3dError, FileNotFoundError):
    """A file the user has to provide is not there.

    Args:
        path: where it was looked for.
        what: what the file is.
        remedy: where to get it, under which licence, and where to put it.
    """

    def __init__(self, path: str, what: str, remedy: str) -> None:
        self.path, self.what, self.remedy = path, what, remedy
        super().__init__(f"{what} not found at {path}. {remedy}".rstrip())

    def __str__(self) -> str:
        return f"{self.what} not found at {self.path}. {self.remedy}".rstrip()


class UnknownNameError(Selfie3dError, LookupError):
    """A registry or configuration has no such name.

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
