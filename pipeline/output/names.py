"""Names for the results of photographs, such that no two of their files ever coincide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path

from ..options import MAPS, PICTURES

_TAIL = re.compile(rf"(.+)_(?:\d+|{'|'.join((*PICTURES, *MAPS))})", re.DOTALL)


def choose_names(
    paths: Sequence[Path],
    earlier: Mapping[Path, str],
    reserved: Iterable[str],
    free: Callable[[str], bool] = lambda name: True,
) -> dict[Path, str]:
    """A file name per photograph: its stem where that is free, else with suffix or number, without
    control characters.

    A photograph "a" may own "a_2" (its second face) and "a_overlay" as well, so another one called
    "a_2" gets another name. Letter case does not tell names apart, as on some file systems.

    Args:
        paths: photographs, each once.
        earlier: the names that some of them had in an earlier run; kept.
        reserved: names that belong to photographs of earlier runs.
        free: whether nobody else's files are where those of a name would go.
    """
    taken = _Taken()
    for name in reserved:
        taken.claim(name)
    names: dict[Path, str] = {}
    for path in sorted(paths, key=lambda p: p not in earlier):
        own = [earlier[path]] if path in earlier else []
        choices = chain(own, _plain(path), (f"{_stem(path)}-{n}" for n in count(2)))
        names[path] = next(name for name in choices if free(name) and taken.claim(name))
    return names


def may_be_named(path: Path, name: str) -> bool:
    """Whether `choose_names` could give a photograph this name."""
    numbered = re.fullmatch(re.escape(_stem(path)) + r"-[1-9][0-9]*", name)
    return name in _plain(path) or numbered is not None


def _plain(path: Path) -> list[str]:
    suffix = _clean(path.suffix[1:])
    return [_stem(path), f"{_stem(path)}-{suffix}"] if suffix else [_stem(path)]


def _stem(path: Path) -> str:
    return _clean(path.stem)


def _clean(name: str) -> str:
    """Results name each other in text files: line breaks, control characters and bytes that are no
    UTF-8 become "_".
    """
    return "".join(c if c.isprintable() else "_" for c in name)


class _Taken:
    """Names in use, and the shorter names that would run into them."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.owners: set[str] = set()

    def claim(self, name: str) -> bool:
        """Take `name` unless a file of it could be another's."""
        owners = set(owners_of(name.casefold()))
        if owners & self.names or name.casefold() in self.owners:
            return False
        self.names.add(name.casefold())
        self.owners |= owners
        return True


def owners_of(name: str) -> Iterator[str]:
    """Every photograph's name under which files of this name could be written."""
    yield name
    while match := _TAIL.fullmatch(name):
        name = match[1]
        yield name
