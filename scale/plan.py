"""Which photograph is in which group and part: written once, the same for ever.

A group is what one worker does in one go. A part is what one Parquet file holds. Photographs that a
later run finds besides make parts of their own, so that those before them stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.extra import import_extra
from ..core.text_files import read_json
from ..core.whole_file import write_json, write_whole
from ..datasets.labelled.inputs import input_files, read_inputs
from ..datasets.labelled.places import Place, stored_path

GROUP = 16
"""Photographs of a group."""
_SETTINGS = "settings.json"


@dataclass(frozen=True)
class Group:
    """Photographs `first` to `first + count - 1` of the run, done in one go.

    Attributes:
        part: number of its part.
        number: of the group in the part.
    """

    part: int
    number: int
    first: int
    count: int

    @property
    def name(self) -> str:
        """Of its files: "00012-003"."""
        return f"{self.part:05d}-{self.number:03d}"


@dataclass(frozen=True)
class Plan:
    """All inputs of a folder of results, and the groups that they make.

    Attributes:
        inputs: a pyarrow table with the columns of `Place`, in order.
        parts: groups by the number of their part.
    """

    inputs: Any
    parts: Mapping[int, Sequence[Group]]


def make_plan(out: Path, places: Sequence[Place], per_part: int) -> Plan:
    """The plan of `out`, with those of `places` that it does not have yet added at its end.

    Args:
        out: folder of the results.
        places: photographs, keys once each.
        per_part: photographs of a part.

    Raises:
        InputError: the list of inputs in `out` is damaged or cannot be written.
    """
    known = set(read_inputs(out).column("key").to_pylist()) if input_files(out) else set()
    new = [place for place in places if place.key not in known]
    if new:
        _write(out / f"inputs-{len(input_files(out)):05d}.parquet", new)
    inputs = read_inputs(out)
    return Plan(inputs, _parts(out, per_part))


def check_settings(out: Path, settings: Mapping[str, object]) -> None:
    """Write down what the results of a folder are made with, or compare it with what is there.

    Args:
        out: the folder.
        settings: plain values by name.

    Raises:
        InputError: the folder holds results that were made with others.
    """
    path = out / _SETTINGS
    if not path.is_file():
        write_json(path, settings)
        return
    before = read_json(path, "the settings of a run")
    for name in settings:
        if before.get(name) != settings[name]:
            expected = f"{name} {before.get(name)!r} as before"
            remedy = "Choose another folder."
            raise InputError(str(out), expected, repr(settings[name]), remedy)


def _parts(out: Path, per_part: int) -> dict[int, list[Group]]:
    parts: dict[int, list[Group]] = {}
    first = 0
    for file in input_files(out):
        count = import_extra("pyarrow.parquet", "scale").read_metadata(file).num_rows
        for start in range(0, count, per_part):
            size = min(per_part, count - start)
            parts[len(parts)] = list(_groups(len(parts), first + start, size))
        first += count
    return parts


def _groups(part: int, first: int, count: int) -> Iterator[Group]:
    for number, start in enumerate(range(0, count, GROUP)):
        yield Group(part, number, first + start, min(GROUP, count - start))


def _write(path: Path, places: Sequence[Place]) -> None:
    arrow, parquet = (import_extra(f"pyarrow{sub}", "scale") for sub in ("", ".parquet"))
    columns = {
        "key": arrow.array([place.key for place in places], arrow.string()),
        "where": arrow.array([stored_path(place.where) for place in places], arrow.binary()),
        "offset": arrow.array([place.offset for place in places], arrow.int64()),
        "size": arrow.array([place.size for place in places], arrow.int64()),
        "checksum": arrow.array([place.checksum for place in places], arrow.int64()),
    }
    write_whole(path, lambda target: parquet.write_table(arrow.table(columns), os.fspath(target)))
