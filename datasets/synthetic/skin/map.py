"""The skin's texels: which part of the head each texel of the model's atlas shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from ....core.jit import kernel
from ....geometry.face_model import FaceModel
from ..draw import rasterize

Array = NDArray[Any]
_PAD = 2.5
"""Texels this near to the chart's border continue it, for bilinear samples at the border."""


@dataclass(frozen=True)
class SkinMap:
    """The n texels of a square atlas that show skin of the default head, ascending.

    Attributes:
        count: of the head's vertices, V.
        size: side of the atlas in texels; texel (row, column) has v = 1 - (row + 0.5) / size and
            u = (column + 0.5) / size.
        where: (n,) int32, row * size + column.
        corners: (n,3) int32 vertices, and shares (n,3) float32 of them, at the texels' centres.
        points: (n,3) float32, places on the mean head, mm.
        runs: (R,3) int64, texels that lie side by side in a row of the atlas: the first of the n,
            where it is, and how many there are.
    """

    count: int
    size: int
    where: Array
    corners: Array
    shares: Array
    points: Array
    runs: Array

    @classmethod
    def of(cls, model: FaceModel, skin: Array, size: int) -> SkinMap:
        """Of the faces of a model whose vertices all have skin (V,) above a half."""
        faces, charts = model.faces.numpy(), model.uv_faces.numpy()
        shown = (skin[faces] > 0.5).all(1)
        faces, charts = faces[shown], charts[shown].astype(np.int32)
        screen = _screen(model.uv.numpy(), size)
        ids = rasterize(screen, charts, size).ids.ravel()
        far, near = distance_transform_edt(ids.reshape(size, size) == 0, return_indices=True)
        where = np.flatnonzero(far.ravel() <= _PAD).astype(np.int32)
        source = (near[0] * size + near[1]).ravel()[where]
        face = ids[source] - 1
        shares = _shares(screen[charts[face], :2], source, size)
        corners = faces[face].astype(np.int32)
        points = np.zeros((len(where), 3), np.float32)
        gather(model.mean.numpy(), corners, shares, points)
        return cls(len(skin), size, where, corners, shares, points, _runs(where, size))

    @property
    def flat(self) -> NDArray[np.float64]:
        """Columns and rows (n,2) of the texels."""
        return np.stack([self.where % self.size, self.where // self.size], -1).astype(np.float64)

    def sample(self, values: Array) -> NDArray[np.float32]:
        """Values (V,C) of the vertices at the texels, (n,C)."""
        out = np.empty((len(self.where), values.shape[1]), np.float32)
        gather(np.asarray(values, np.float32), self.corners, self.shares, out)
        return out

    def places(self, points: Array) -> NDArray[np.float32]:
        """Columns and rows (N,2), of the texels nearest to points (N,3) on the mean head."""
        near = self.where[cKDTree(self.points).query(points)[1]]
        return np.stack([near % self.size, near // self.size], -1).astype(np.float32)

    def nearest(self, places: Array) -> NDArray[np.int64]:
        """Which of the n texels are nearest to columns and rows (N,2); (N,) 0 to n - 1."""
        return cKDTree(self.flat).query(places)[1].astype(np.int64)

    def at_vertices(self, values: Array) -> NDArray[np.float32]:
        """Values (C,n) of the texels at the vertices whose skin they show, (C,V); 0 elsewhere."""
        out = np.zeros((len(values), self.count), np.float32)
        best = np.zeros(self.count, np.float32)
        for corner in range(3):
            np.maximum.at(best, self.corners[:, corner], self.shares[:, corner])
        for corner in range(3):
            near = self.shares[:, corner] >= best[self.corners[:, corner]]
            out[:, self.corners[near, corner]] = values[:, near]
        return out


def _runs(where: Array, size: int) -> NDArray[np.int64]:
    """Runs (R,3) of ascending texels (n,): see `SkinMap.runs`."""
    begins = (np.diff(where, prepend=-2) != 1) | (where % size == 0)
    starts = np.flatnonzero(begins)
    return np.stack([starts, where[starts], np.diff(starts, append=len(where))], -1)


def _screen(uv: Array, size: int) -> NDArray[np.float32]:
    """Columns and rows of (T,2) coordinates as the rasterizer counts them, depth 0, w 1."""
    screen = np.zeros((len(uv), 4), np.float32)
    screen[:, 0] = uv[:, 0] * size - 0.5
    screen[:, 1] = (1 - uv[:, 1]) * size - 0.5
    screen[:, 3] = 1
    return screen


def _shares(triangles: Array, texels: Array, size: int) -> NDArray[np.float32]:
    """Barycentric coordinates (n,3) of texels (n,) in triangles (n,3,2)."""
    place = np.stack([texels % size, texels // size], -1)
    a, b, c = (triangles[:, k].astype(np.float64) - place for k in range(3))
    parts = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], -1)
    return (parts / parts.sum(1, keepdims=True)).astype(np.float32)


def _cross(one: Array, two: Array) -> Array:
    return one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]


@kernel
def gather(values: Array, corners: Array, shares: Array, out: Array) -> None:
    """out (n,C) = sum over k of shares[:,k] values[corners[:,k]], for values (V,C)."""
    for n in range(len(corners)):
        i, j, k = corners[n, 0], corners[n, 1], corners[n, 2]
        a, b, c = shares[n, 0], shares[n, 1], shares[n, 2]
        for d in range(values.shape[1]):
            out[n, d] = a * values[i, d] + b * values[j, d] + c * values[k, d]
