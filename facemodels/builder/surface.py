"""The level-1 mean head on which colours, regions and texture coordinates are defined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..subdivide import catmull_clark, edge_table, triangles
from .head import Head
from .hm08 import Array, Index

MM_PER_DM = 100.0
# Points of landmarks68.json that were picked off their anatomy, mm in model space: 21 and 22 lay
# between the brows instead of on their inner ends, 8 under the chin instead of on its lower edge.
_MOVED_LANDMARKS = {8: (0.0, -102.4, 17.2), 21: (-15.1, 17.9, 26.2), 22: (15.1, 17.9, 26.2)}


@dataclass(frozen=True)
class Surface:
    """points (V,3) mm, origin between the eyeball centres; matrix (V,V0) from level 0.

    quads (F,4), part (F,), mirror (V,), landmarks (68,), tag (V,) part of each vertex (the skin's
    where skin meets another part), masks (V,) 0..1, left_eye and right_eye (V,) bool.
    """

    points: Array
    matrix: sparse.csr_matrix
    quads: Index
    part: NDArray[np.uint8]
    mirror: Index
    landmarks: Index
    tag: NDArray[np.uint8]
    masks: dict[str, Array]
    left_eye: NDArray[np.bool_]
    right_eye: NDArray[np.bool_]

    @property
    def faces(self) -> Index:
        """Triangles (2F,3)."""
        return triangles(self.quads)

    def normals(self) -> Array:
        """Area-weighted unit vertex normals (V,3)."""
        faces = self.faces
        corner = self.points[faces]
        flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normals = np.zeros_like(self.points)
        for k in range(3):
            np.add.at(normals, faces[:, k], flat)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)

    def eye_centre(self, side: str) -> Array:
        """Centre (3,) of the "left" or "right" eyeball."""
        return self.points[self.left_eye if side == "left" else self.right_eye].mean(0)


def eye_midpoint(head: Head, mean: Array) -> Array:
    """Midpoint (3,) of the eyeball centres of the level-0 mean, in its unit."""
    return (mean[head.left_eye].mean(0) + mean[head.right_eye].mean(0)) / 2


def refine(head: Head, mean_mm: Array) -> Surface:
    """Subdivide the level-0 mean (V0,3) mm once and carry everything along."""
    matrix, quads = catmull_clark(head.quads, len(head.keep))
    part = np.tile(head.part, 4)
    tag = np.full(matrix.shape[0], 255, np.uint8)
    for code in (3, 2, 1, 0, 4):
        tag[quads[part == code]] = code
    points = matrix @ mean_mm
    mirror = refine_mirror(head.quads, head.mirror)
    masks = {name: matrix @ mask for name, mask in head.masks.items()}
    return Surface(
        points=points,
        matrix=matrix,
        quads=quads,
        part=part,
        mirror=mirror,
        landmarks=_place_landmarks(head.landmarks, points, np.flatnonzero(tag == 0)),
        tag=tag,
        masks={name: (mask + mask[mirror]) / 2 for name, mask in masks.items()},
        left_eye=(matrix @ head.left_eye.astype(float)) > 0.5,
        right_eye=(matrix @ head.right_eye.astype(float)) > 0.5,
    )


def _place_landmarks(landmarks: Index, points: Array, skin: Index) -> Index:
    """The hand-picked vertices, three of them moved: inner brow ends and the front of the chin."""
    placed = landmarks.copy()
    for i, target in _MOVED_LANDMARKS.items():
        placed[i] = skin[np.linalg.norm(points[skin] - target, axis=1).argmin()]
    return placed


def refine_mirror(quads: Index, mirror: Index) -> Index:
    """The mirror map after one subdivision of a mesh whose topology is symmetric."""
    rim, _, _ = edge_table(quads)
    n = len(mirror)
    edge = _match(np.sort(mirror[rim], 1), rim, n)
    face = _match(np.sort(mirror[quads], 1), np.sort(quads, 1), n)
    return np.concatenate([mirror, n + edge, n + len(rim) + face])


def _match(wanted: Index, rows: Index, base: int) -> Index:
    """Index into `rows` of each row of `wanted` (entries below `base`)."""
    power = base ** np.arange(rows.shape[1], dtype=object)
    keys = {int(k): i for i, k in enumerate((rows.astype(object) * power).sum(1))}
    return np.array([keys[int(k)] for k in (wanted.astype(object) * power).sum(1)])
