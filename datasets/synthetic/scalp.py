"""The skull as seen from its middle, so that hair follows every head that the model can make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.spatial import cKDTree

from ...geometry.face_model import FaceModel

ARCS, COLUMNS = 37, 48
LOWEST = 1.5
"""The last row of directions, in units of the way from crown to level: the nape."""

_HIGHEST = 1.6
"""Hair grows above this, in the same units."""

CENTRE = np.array([0.0, 5.0, -62.0], np.float32)
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
    """

    index: NDArray[np.int64]
    upper: NDArray[np.int64]
    arc: NDArray[np.float32]
    place: NDArray[np.float32]

    def radii(self, vertices: NDArray) -> NDArray[np.float64]:
        """Distance (ARCS,COLUMNS) of a head's (V,3) surface from `CENTRE`, mm, smoothed."""
        far = np.linalg.norm(vertices[self.index] - CENTRE, axis=2).astype(np.float64)
        far[0] = far[0].mean()
        return uniform_filter(far, 3, mode=("nearest", "wrap"))


def directions(arc: NDArray, angle: NDArray) -> NDArray[np.float64]:
    """Unit vectors (...,3) at `arc` (0 the crown, 1 level) and `angle` (radians, 0 in front)."""
    lift = arc * np.pi / 2
    return np.stack([np.sin(lift) * np.sin(angle), np.cos(lift), np.sin(lift) * np.cos(angle)], -1)


def neck_ring(model: FaceModel, height: float, count: int) -> NDArray[np.int64]:
    """The vertices (count,) round the default head's neck at `height` mm, from the front on."""
    points = model.mean.numpy()
    axis = np.array([0, height, -85.0])
    angle = np.arange(count) / count * 2 * np.pi
    wanted = axis + 52 * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], 1)
    ids = np.flatnonzero(model.region("skin").numpy() & (np.abs(points[:, 1] - height) < 4))
    return ids[cKDTree(points[ids]).query(wanted)[1]]


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
    height = (np.arccos(np.clip(unit[:, 1], -1, 1)) / (np.pi / 2)).astype(np.float32)
    upper = np.flatnonzero(height < _HIGHEST)
    turn = np.arctan2(unit[upper, 0], unit[upper, 2]) % (2 * np.pi)
    return Scalp(
        index=ids[nearest].reshape(ARCS, COLUMNS),
        upper=upper,
        arc=height[upper],
        place=np.minimum(turn * (COLUMNS / (2 * np.pi)), COLUMNS - 1e-3).astype(np.float32),
    )
