"""Hair that hangs on MakeHuman's helper mesh is kept outside of the skull.

The helper mesh is a wig that MakeHuman fits to its own heads. On heads of other proportions the
skull comes through it by up to two centimetres. The skin of the mean head's upper half is laid out
in points, each tied to the base mesh, and hair is lifted over them. Hair that hangs on the skin
itself has no such fault and stays as its maker placed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ....core.jit import kernel

Array = NDArray[Any]

_STEPS = 4  # samples along a triangle's side

FLOOR, ROOM = 2.0, 3.0
"""Vertices stay this far from the skull, mm; those further out by the second stay where they are.

Coarse faces need more, or the skull comes through their middle.
"""

_RADIUS, _COARSEST = 70.0, 4.0
"""The skull's smallest radius, and the most that a face's chord is given for it, mm."""

_SKIN = 13380  # vertices of the base mesh from here on are no skin
_LOWEST, _FULL = 3.0, 30.0  # mm: the skull above the ears; from here to there the effect sets in
_REACH = 40.0  # mm


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


@dataclass(frozen=True, eq=False)
class Lift:
    """How m vertices of an asset are kept outside of the skull.

    Attributes:
        vertices: (m,) which.
        ids, weights: (m,3) the skull's point under each, as of `SkinSamples`.
        normals: (m,3) which way is out; floors: (m,) the least height over the skull, mm.
        shares: (m,) how much of the effect, 0 to 1.
    """

    vertices: NDArray[np.int32]
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    normals: NDArray[np.float32]
    floors: NDArray[np.float32]
    shares: NDArray[np.float32]

    def apply(self, base: Array, points: Array) -> None:
        """Move vertices (n,3) that were placed on a head's base mesh (19158,3), in place."""
        _lift(
            base, self.vertices, self.ids, self.weights, self.normals, self.floors, self.shares,
            points,
        )  # fmt: skip


def find_lift(skin: SkinSamples, points: Array, faces: Array, ids: Array) -> Lift:
    """For an asset with faces (f,3) that hangs on `ids` (n,3).

    Args:
        skin: that of the mean head.
        points: (n,3) the asset there, mm.
        faces, ids: as of `Asset`.
    """
    far, under = skin.tree.query(points)
    height = (skin.points[under, 1] - _LOWEST) / (_FULL - _LOWEST)
    shares = np.where((far < _REACH) & (ids >= _SKIN).any(1), np.clip(height, 0, 1), 0)
    chosen = np.flatnonzero(shares)
    sample = under[chosen]
    return Lift(
        chosen.astype(np.int32), skin.ids[sample], skin.weights[sample],
        skin.normals[sample].astype(np.float32), _floors(points, faces)[chosen],
        shares[chosen].astype(np.float32),
    )  # fmt: skip


def _floors(points: Array, faces: Array) -> NDArray[np.float32]:
    """Heights (n,) over a round skull that keep it under the longest edge at each vertex."""
    longest = np.zeros(len(points))
    for one, other in ((0, 1), (1, 2), (2, 0)):
        length = np.linalg.norm(points[faces[:, one]] - points[faces[:, other]], axis=1)
        np.maximum.at(longest, faces[:, one], length)
        np.maximum.at(longest, faces[:, other], length)
    return (FLOOR + np.minimum(longest**2 / (8 * _RADIUS), _COARSEST)).astype(np.float32)


@kernel
def _lift(
    base: Array, vertices: Array, ids: Array, weights: Array, normals: Array, floors: Array,
    shares: Array, points: Array,
) -> None:  # fmt: skip
    """Low heights are mapped to those from the floor to the room above it, in the same order."""
    room = np.float32(ROOM)
    for m in range(len(vertices)):
        v = vertices[m]
        height = np.float32(0)
        for c in range(3):
            skull = np.float32(0)
            for k in range(3):
                skull += weights[m, k] * base[ids[m, k], c]
            height += (points[v, c] - skull) * normals[m, c]
        above = height - floors[m] - room
        if above >= 0:
            continue
        higher = floors[m] + room * np.exp(above / room)
        step = shares[m] * (higher - height)
        for c in range(3):
            points[v, c] += step * normals[m, c]
