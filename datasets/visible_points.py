"""Photographs with a few annotated points each, of which some are not visible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MissingFileError
from ..core.npy_file import read_npy

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VisiblePoints:
    """A data set of N photographs with K points.

    Attributes:
        names: N names.
        photographs: folder of the photographs.
        points: (N,K,2) in the annotation's frame; what stands in hidden rows means nothing.
        visible: (N,K) bool.
        size: (N,) length that is 100 % of an error, annotation pixels.
        yaw_deg: (N,) or None.
        from_68: (K,68), how each point is made of the 68 landmarks; rows sum to 1.
        scale: (N,) annotation pixels per photograph pixel.
        shift: (N,2): annotation = scale * photograph + shift, photograph pixels by our convention.
        boxes: (N,4) box round the face's landmarks, photograph pixels.
    """

    names: tuple[str, ...]
    photographs: Path
    points: Array
    visible: NDArray[np.bool_]
    size: Array
    yaw_deg: Array | None
    from_68: Array
    scale: Array
    shift: Array
    boxes: Array

    def __post_init__(self) -> None:
        count, points = len(self.names), self.from_68.shape[0]
        shapes: dict[str, tuple[int, ...]] = {
            "points": (count, points, 2), "visible": (count, points), "size": (count,),
            "from_68": (points, 68), "scale": (count,), "shift": (count, 2), "boxes": (count, 4),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(name, f"shape {shape}", str(getattr(self, name).shape))
        if not np.allclose(self.from_68.sum(1), 1):
            raise InputError("from_68", "rows that sum to 1", str(self.from_68.sum(1).round(3)))

    def to_annotation(self, row: int, points: Array) -> Array:
        """Points (L,2+) of a photograph in the annotation's frame; z is scaled, not shifted."""
        moved = self.scale[row] * np.asarray(points, np.float64)
        moved[:, :2] += self.shift[row]
        return moved

    def to_photograph(self, row: int, points: Array) -> Array:
        """The way back, for (L,2) points."""
        return (np.asarray(points, np.float64) - self.shift[row]) / self.scale[row]


def load_rows(path: Path, what: str, remedy: str) -> NDArray:
    """An array of numbers from an .npy.

    Raises:
        MissingFileError: no such file; the message says what it is and where it comes from.
        InputError: a damaged file, or no numbers.
    """
    if not path.exists():
        raise MissingFileError(str(path), what, remedy)
    values = read_npy(path)
    if values.dtype.kind not in "fiu":
        raise InputError(str(path), "an array of numbers", "something else", remedy)
    return values


def require_photographs(folder: Path, names: tuple[str, ...], remedy: str) -> None:
    """Check that every photograph is there.

    Raises:
        MissingFileError: some are not; the message says how many and names the first.
    """
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        first = folder / missing[0]
        what = f"{len(missing)} of {len(names)} photographs, the first of which is {missing[0]},"
        raise MissingFileError(str(first), what, remedy)
