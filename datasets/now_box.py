"""NoW's face boxes: dictionaries with left, top, right and bottom, pickled in .npy files.

A pickle is a program, so nothing of it is run: the few names that such a file has are replaced by
one class that keeps what it is given, every other name is refused.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..core.array_pickle import DAMAGED_PICKLE
from ..core.errors import InputError
from .sample import Box

_SIDES = ("left", "top", "right", "bottom")
_REMEDY = "Get the file again from https://now.is.tue.mpg.de."
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

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _Kept

    def persistent_load(self, pid: object) -> object:
        raise pickle.UnpicklingError("it names an outside object")


def read_now_box(path: Path) -> Box | None:
    """x0, y0, x1, y1 as in the file, or None where there is no file.

    A plain array of these four numbers is read as well.

    Raises:
        InputError: a damaged file, or one with anything else in it; nothing of it was run.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            values = _values(stream)
    except DAMAGED_PICKLE as error:
        expected = f"a box ({', '.join(_SIDES)}) and nothing else"
        raise InputError(str(path), expected, f"{error}" or "a damaged file", _REMEDY) from error
    if not all(np.isfinite(values)):
        raise InputError(str(path), "a box of finite numbers", f"{values}", _REMEDY)
    return values[0], values[1], values[2], values[3]


def _values(stream: BinaryIO) -> list[float]:
    """The four numbers, left to bottom."""
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else _header_2_0
    _, _, dtype = header(stream)
    if dtype != np.dtype(object):
        stream.seek(0)
        x0, y0, x1, y1 = np.load(stream, allow_pickle=False).reshape(-1).tolist()
        return [float(x0), float(y0), float(x1), float(y1)]
    kept = _Reader(stream, encoding="latin1").load()
    state = kept.state if isinstance(kept, _Kept) else None
    content = state[-1] if isinstance(state, tuple) and state else None
    sides = content[0] if isinstance(content, list) and len(content) == 1 else None
    if not isinstance(sides, dict):
        raise ValueError("no dictionary")
    values = [sides[side] for side in _SIDES]
    if not all(isinstance(value, int | float) for value in values):
        raise ValueError("sides that are no numbers")
    return [float(value) for value in values]


def _header_2_0(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_2_0(stream)
