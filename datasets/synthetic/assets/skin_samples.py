"""The skin of the mean head's upper half as points, each tied to the base mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[Any]

_STEPS = 4  # samples along a triangle's side


@dataclass(frozen=True, eq=False)
class SkinSamples:
    """About 1.5 mm apart.

    Attributes:
        points: (s,3) mm in model space; normals: (s,3) outwards, smooth.
        ids: (s,3) vertices of the base mesh whose weighted sum a sample is; weights: (s,3).
        triangles: (t,3) of the base mesh that were sampled.
        tree: finds the nearest of `points`.
    """

    points: Array
    normals: Array
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    triangles: NDArray[np.int64]
    tree: cKDTree

    @classmethod
    def of(cls, base: Array, quads: Array, low_y: float) -> SkinSamples:
        """Of a base mesh (19158,3) and quads (q,4) of its skin above the height `low_y`, mm."""
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        corners = base[triangles]
        normals = np.zeros_like(base)
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        for corner in range(3):
            np.add.at(normals, triangles[:, corner], cross)
        upper = triangles[corners[..., 1].mean(1) > low_y]
        weights = np.array(
            [(i, j, _STEPS - i - j) for i in range(_STEPS + 1) for j in range(_STEPS + 1 - i)]
        ) / np.float32(_STEPS)  # fmt: skip
        smooth = np.einsum("kc,tcd->tkd", weights, normals[upper]).reshape(-1, 3)
        points = np.einsum("kc,tcd->tkd", weights, base[upper]).reshape(-1, 3)
        return cls(
            points=points,
            normals=smooth / np.linalg.norm(smooth, axis=1, keepdims=True),
            ids=upper.repeat(len(weights), 0).astype(np.int32),
            weights=np.tile(weights, (len(upper), 1)).astype(np.float32),
            triangles=upper,
            tree=cKDTree(points),
        )

    def height(self, points: Array) -> Array:
        """How far points (n,3) are outside of the skin, mm (n,)."""
        under = self.tree.query(points)[1]
        return ((points - self.points[under]) * self.normals[under]).sum(1)
