"""The skull as seen from its middle, so that hair follows every head that the model can make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter
from scipy.spatial import cKDTree

from ...geometry.face_model import FaceModel

ARCS, COLUMNS = 37, 48
LOWEST = 1.5
"""The last row of directions, in units of the way from crown to level: the nape."""

_HIGHEST = 1.6
"""Hair grows above this, in the same units."""

CENTRE = np.array([0.0, 5.0, -66.0], np.float32)
"""The point inside the skull from which directions are measured, mm in model space."""


@dataclass(frozen=True)
class Scalp:
    """Directions over the head down to the nape.

    Attributes:
        index: (ARCS,COLUMNS) the vertex in each direction; row 0 is the crown, the last row
            `LOWEST`; column 0 is the front, columns go round by the subject's left.
        upper: (n,) the vertices under which hair may grow.
        arc: (n,) theirs on the mean head in units of the way from crown to level; above 1 below.
        place: (n,) their column, with fractions.
        ears: (COLUMNS+1,) how far the ears stand out from the skull, mm, the last as the first.
    """

    index: NDArray[np.int64]
    upper: NDArray[np.int64]
    arc: NDArray[np.float32]
    place: NDArray[np.float32]
    ears: NDArray[np.float64]

    def radii(self, vertices: NDArray) -> NDArray[np.float64]:
        """Distance (ARCS,COLUMNS) of a head's (V,3) surface from `CENTRE`, mm, smoothed."""
        far = np.linalg.norm(vertices[self.index] - CENTRE, axis=2).astype(np.float64)
        far[0] = far[0].mean()
        return uniform_filter(far, 3, mode=("nearest", "wrap"))


def directions(arc: NDArray, angle: NDArray) -> NDArray[np.float64]:
    """Unit vectors (...,3) at `arc` (0 the crown, 1 level) and `angle` (radians, 0 in front)."""
    lift = arc * np.pi / 2
    return np.stack([np.sin(lift) * np.sin(angle), np.cos(lift), np.sin(lift) * np.cos(angle)], -1)


def measure_scalp(model: FaceModel) -> Scalp:
    """The scalp of the default head; ears do not count."""
    away = model.mean.numpy() - CENTRE
    unit = away / np.linalg.norm(away, axis=1, keepdims=True)
    usable = model.region("skin").numpy() & ~model.region("ears").numpy()
    arc, angle = np.meshgrid(
        np.linspace(0, LOWEST, ARCS), np.arange(COLUMNS) / COLUMNS * 2 * np.pi, indexing="ij"
    )
    ids = np.flatnonzero(usable)
    nearest = cKDTree(unit[ids]).query(directions(arc, angle).reshape(-1, 3))[1]
    index = ids[nearest].reshape(ARCS, COLUMNS)
    height = (np.arccos(np.clip(unit[:, 1], -1, 1)) / (np.pi / 2)).astype(np.float32)
    place = np.arctan2(unit[:, 0], unit[:, 2]) % (2 * np.pi) * (COLUMNS / (2 * np.pi))
    upper = np.flatnonzero((height < _HIGHEST) & ~model.region("ears").numpy())
    far = np.linalg.norm(away, axis=1)
    skull = far[index]
    ears = np.zeros(COLUMNS)
    for v in np.flatnonzero(model.region("ears").numpy() & (height < LOWEST)):
        row, column = int(height[v] / LOWEST * (ARCS - 1)), int(place[v] + 0.5) % COLUMNS
        ears[column] = max(ears[column], far[v] - skull[row, column])
    ears = uniform_filter(maximum_filter(ears, 3, mode="wrap"), 3, mode="wrap")
    return Scalp(
        index=index,
        upper=upper,
        arc=height[upper],
        place=np.minimum(place[upper], COLUMNS - 1e-3).astype(np.float32),
        ears=np.append(ears, ears[0]),
    )
