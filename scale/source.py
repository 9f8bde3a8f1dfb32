"""What there is to do: the photographs of a folder tree, a list, or tar shards, each with a key."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.extra import import_extra
from ..core.picture_folders import AGAIN, APART, FoundPictures, walk_pictures
from ..core.picture_limits import suffixes
from ..datasets.labelled.inputs import read_columns
from ..datasets.labelled.places import Place, check_protocol
from ..datasets.shards.tar_index import tar_members

COLUMNS = ("path", "uri", "url", "file")
"""Names of a list's column of photographs, in the order in which they are looked for."""
LISTS = (".csv", ".parquet")
_SHARD = ".tar"


@dataclass
class Source:
    """The photographs of a run, each key once, and what was passed over.

    Attributes:
        places: where each lies.
        passed: lines that say what was passed over.
    """

    places: list[Place] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


def open_source(path: Path, out: Path, column: str = "") -> Source:
    """List the photographs.

    A folder is searched with those below it, for pictures and for tar shards of pictures; the key
    is the path in it. In a list the key is what the list says, and paths are relative to its
    folder. In a tar the key is "SHARD.tar/NAME".

    Args:
        path: a folder, a list (.csv or .parquet), or a .tar.
        out: folder of the results, which is no source.
        column: of the list; "" takes the first of `COLUMNS` that is there, or the only one.

    Raises:
        InputError: no such file, a list without such a column, a damaged tar, or no photograph.
        MissingFileError: a package is missing.
    """
    if path.is_dir():
        source = _folder(path, out)
    elif path.suffix.lower() in LISTS:
        source = _list(path, column)
    elif path.suffix.lower() == _SHARD:
        source = Source(list(_shard(path, path.name)))
    else:
        expected = "a folder, a list (.csv, .parquet) or a .tar"
        got = "another file" if path.exists() else "nothing at this path"
        raise InputError(str(path), expected, got, "Check the spelling.")
    source = _each_once(source)
    if not source.places:
        got = "; ".join(source.passed) or "nothing in it"
        raise InputError(str(path), "photographs", f"none: {got}")
    return source


def _folder(root: Path, out: Path) -> Source:
    away = out.resolve()
    found = walk_pictures(root, lambda path: path.resolve() == away)
    shards = sorted(file for file, _ in found.passed if file.suffix.lower() == _SHARD)
    rest = [(file, why) for file, why in found.passed if file not in set(shards) and why != APART]
    places = [Place(_text(file.relative_to(root)), str(file.resolve())) for file in found.pictures]
    for shard in shards:
        places += _shard(shard, _text(shard.relative_to(root)))
    return Source(places, FoundPictures(passed=rest).lines())


def _shard(path: Path, name: str) -> Iterator[Place]:
    """The pictures of a tar; masks beside photographs are none."""
    where, known = str(path.resolve()), suffixes()
    for member in tar_members(path):
        if member.name.lower().endswith(known) and not member.name.endswith(".skin.png"):
            key = f"{name}/{member.name}"
            yield Place(key, where, member.offset, member.size, member.checksum)


def _list(path: Path, column: str) -> Source:
    """The photographs of a list; empty rows are counted."""
    names = _column(path, column)
    given = [name.strip() for name in names if isinstance(name, str) and name.strip()]
    places = [_listed(name, path.parent) for name in given]
    for place in {place.protocol: place for place in places if place.protocol}.values():
        check_protocol(place)
    empty = len(names) - len(given)
    return Source(places, [f"{empty} rows of the list are empty or no text"] if empty else [])


def _listed(name: str, folder: Path) -> Place:
    place = Place(name, name)
    return place if place.protocol else Place(name, os.path.abspath(folder / name))


def _column(path: Path, column: str) -> Sequence[Any]:
    """The names in a list."""
    if not path.is_file():
        raise InputError(str(path), "a list", "nothing at this path", "Check the spelling.")
    table = _csv(path) if path.suffix.lower() == ".csv" else read_columns(path)
    wanted = [column] if column else list(COLUMNS)
    name = next((one for one in wanted if one in table.column_names), None)
    if name is None and not column and table.num_columns == 1:
        name = table.column_names[0]
    if name is None:
        remedy = "Name it with --column."
        expected = f"a column {' or '.join(map(repr, wanted))}"
        raise InputError(str(path), expected, ", ".join(table.column_names[:20]), remedy)
    return table.column(name).to_pylist()


def _csv(path: Path) -> Any:  # noqa: ANN401  (a pyarrow table)
    """A list in CSV; every column is text."""
    arrow, csv = (import_extra(f"pyarrow{sub}", "scale") for sub in ("", ".csv"))
    try:
        names = csv.open_csv(path).schema.names
        options = csv.ConvertOptions(column_types=dict.fromkeys(names, arrow.string()))
        return csv.read_csv(path, convert_options=options)
    except (arrow.ArrowException, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(str(path), "a list in CSV", first) from error


def _each_once(source: Source) -> Source:
    """The first of the places with the same key."""
    first: dict[str, Place] = {}
    for place in source.places:
        first.setdefault(place.key, place)
    again = len(source.places) - len(first)
    lines = [f"{again} passed over ({AGAIN})"] if again else []
    return Source(list(first.values()), source.passed + lines)


def _text(path: Path) -> str:
    """A path as a key: with slashes, bytes that are no UTF-8 as escapes."""
    name = path.as_posix()
    return os.fsencode(name).decode("utf-8", "backslashreplace")
