"""NoW's face boxes: dictionaries with left, top, right and bottom, pickled in .npy files.

A pickle is a program, so nothing of it is run: the few names that such a file has are replaced by
one class that keeps what it is given, every other name is refused.
"""

from __future__ import annotations

import io
from pathlib import Path

from ..core.array_pickle import reading_pickle
from ..core.errors import InputError
from ..core.given_file import read_given
from ..core.npy_file import parse_header, read_npy
from ..core.pickle_machine import PickleMachine, RefusedPickle, StandIn
from .sample import Box

_SIDES = ("left", "top", "right", "bottom")
_REMEDY = "Get the file again from https://now.is.tue.mpg.de."
_LARGEST = 1 << 20  # bytes; the real ones have 300
_FARTHEST = 1_000_000.0  # pixels
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("__builtin__", "bytes"),
}


class _Kept:
    """Stands for whatever a pickle names: keeps its state."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def set_state(self, state: object) -> None:
        self.state = state


def _stand_in(module: str, name: str) -> StandIn:
    if (module, name) not in _NAMES:
        raise RefusedPickle(f"it names {module}.{name}")
    return StandIn(_Kept)


def read_now_box(path: Path) -> Box | None:
    """x0, y0, x1, y1 as in the file, or None where there is no file.

    A plain array of these four numbers is read as well.

    Raises:
        InputError: a damaged file, or one with anything else in it; nothing of it was run.
    """
    if not path.exists():
        return None
    expected = f"a box ({', '.join(_SIDES)}) and nothing else"
    content = read_given(path, expected, _LARGEST)
    with reading_pickle(path, expected):
        values = _values(path, content, expected)
    if len(values) != 4 or not all(abs(value) <= _FARTHEST for value in values):
        raise InputError(str(path), "a box of four finite numbers", f"{values[:8]}", _REMEDY)
    return values[0], values[1], values[2], values[3]


def _values(path: Path, content: bytes, expected: str) -> list[float]:
    """The numbers, left to bottom."""
    header = parse_header(io.BytesIO(content), str(path), expected)
    if not header.dtype.hasobject:
        values = read_npy(path, expected)
        if values.dtype.kind not in "fiu":
            raise InputError(str(path), expected, f"an array of {values.dtype}", _REMEDY)
        return [float(value) for value in values.reshape(-1)[:5]]
    kept = PickleMachine(content[header.length :], _stand_in).load()
    state = kept.state if isinstance(kept, _Kept) else None
    held = state[-1] if isinstance(state, tuple) and state else None
    sides = held[0] if isinstance(held, list) and len(held) == 1 else None
    if not isinstance(sides, dict):
        raise RefusedPickle("no dictionary")
    found = [sides.get(side) for side in _SIDES]
    if not all(isinstance(value, int | float) for value in found):
        raise RefusedPickle("sides that are no numbers")
    return [float(value) for value in found if isinstance(value, int | float)]
