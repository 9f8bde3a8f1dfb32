"""Photographs of a group to pixels: the first stage, in tasks of Ray's.

Ray starts processes for these tasks again and again, so what is imported here is little: no torch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.extra import import_extra
from ..core.item_failure import LOG, Failed, FailureLog, attempt
from ..datasets.labelled.inputs import place_of
from ..datasets.labelled.places import Place, read_place
from .options import state_of
from .tries import KILLED, Tries

Picture = NDArray[np.uint8]
BUDGET = 96 << 20
"""Bytes of pixels of a group that travel; what is beyond them the second stage reads by itself."""
_COLUMNS = ("heights", "widths", "kinds", "messages", "seconds")


@dataclass(frozen=True)
class Read:
    """A photograph that was read, or why it was not.

    Attributes:
        picture: (H,W,3) uint8; None where it failed, or is beyond `BUDGET` and still to be read.
        kind, message: of what went wrong; "" where nothing did.
        seconds: that reading took.
    """

    picture: Picture | None
    kind: str = ""
    message: str = ""
    seconds: float = 0.0


def read_rows(batch: Any, inputs: Sequence[Any], out: str) -> Any:  # noqa: ANN401
    """The first stage, on a pyarrow table of one group.

    Args:
        batch: columns "name", "first" and "count".
        inputs: a list of one reference to the inputs; in a list Ray hands it on as it is.
        out: folder of the results.
    """
    arrow = import_extra("pyarrow", "scale")
    (row,) = batch.to_pylist()
    folder = Path(out)
    tries = tries_of(state_of(folder), row["name"], "read")
    found = read_group(places_of_group(inputs, row), tries, FailureLog(folder / LOG))
    columns = packed(found)
    pixels = arrow.array([columns.pop("pixels")], arrow.large_binary())
    lists = {name: arrow.array([columns[name]]) for name in _COLUMNS}
    return arrow.table({**{name: [row[name]] for name in row}, "pixels": pixels, **lists})


def places_of_group(inputs: Sequence[Any], row: Mapping[str, Any]) -> list[Place]:
    """Where the photographs of a group lie.

    Args:
        inputs: as `read_rows`.
        row: of the group, with "first" and "count".
    """
    table = import_extra("ray", "scale").get(inputs[0])
    return [place_of(table, row["first"] + k) for k in range(row["count"])]


def read_group(places: Sequence[Place], tries: Tries, log: FailureLog) -> list[Read]:
    """Read the photographs of a group.

    Args:
        places: where they lie.
        tries: notes of this stage.
        log: for tracebacks of errors that nobody foresaw.
    """
    deadly, found, room = tries.begin(), list[Read](), BUDGET
    for number, place in enumerate(places):
        if number in deadly:
            found.append(killed())
        elif room < 0:
            found.append(Read(None))
        else:
            tries.at(number)
            one = read_one(place, log)
            room -= 0 if one.picture is None else one.picture.nbytes
            found.append(one if room >= 0 else Read(None))
    tries.end()
    return found


def read_one(place: Place, log: FailureLog) -> Read:
    """Read one photograph.

    Args:
        place: where it lies.
        log: for tracebacks of errors that nobody foresaw.
    """
    start = time.perf_counter()
    picture = attempt(place.key, partial(read_place, place), log)
    seconds = time.perf_counter() - start
    if isinstance(picture, Failed):
        return Read(None, kind_of(picture), picture.message, seconds)
    return Read(picture, seconds=seconds)


def killed() -> Read:
    """What is said of a photograph that ended two processes."""
    return Read(None, KILLED, "it ended the processes that worked on it, twice")


def kind_of(failed: Failed) -> str:
    """The name under which a failure is counted."""
    return type(failed.error).__name__


def packed(found: Sequence[Read]) -> dict[str, Any]:
    """What was read as plain columns that travel between processes."""
    pictures = [one.picture for one in found if one.picture is not None]
    pixels = np.concatenate([np.zeros(0, np.uint8), *(picture.reshape(-1) for picture in pictures)])
    return {
        "pixels": pixels.tobytes(),
        "heights": [0 if one.picture is None else one.picture.shape[0] for one in found],
        "widths": [0 if one.picture is None else one.picture.shape[1] for one in found],
        "kinds": [one.kind for one in found],
        "messages": [one.message for one in found],
        "seconds": [one.seconds for one in found],
    }


def unpacked(columns: Mapping[str, Any], pixels: memoryview) -> list[Read]:
    """The inverse of `packed`.

    Args:
        columns: all but the pixels.
        pixels: these.
    """
    found, at = [], 0
    lists = (columns[name] for name in _COLUMNS)
    for height, width, kind, message, seconds in zip(*lists, strict=True):
        picture = None
        if height:
            flat = np.frombuffer(pixels, np.uint8, 3 * height * width, at)  # not to be written to
            picture, at = flat.reshape(height, width, 3).copy(), at + flat.size
        found.append(Read(picture, kind, message, seconds))
    return found


def tries_of(state: Path, group: str, stage: str) -> Tries:
    """The notes of a group at a stage, "read" or "faces".

    Args:
        state: folder of the run's notes.
        group: its name.
        stage: which.
    """
    return Tries(state / f"{group}.{stage}")
