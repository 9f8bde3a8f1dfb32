"""The whole mean head at its finest level, on which colours, regions and charts are defined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..layout import CAP, CAVITY, EYE, FACE, MOUTH, SKIN
from ..subdivide import catmull_clark, edge_table, neck_cap, triangles
from .head import Head
from .hm08 import Array, Index
from .inner import Inner


@dataclass(frozen=True)
class Surface:
    """V vertices: the head's at level 1, S of them, the inner parts', copies of the neck's rim.

    points (V,3) mm, origin between the eyeballs' centres; matrix (S,V0) from level 0; quads (F,4):
    the head's, the inner parts', the neck's cap; part (F,) codes of `parts`; mirror (V,);
    landmarks (68,); tag (V,) part of each vertex (the skin's where skin meets another part);
    masks (V,) 0..1: ears, lips, eyelids, pupil, iris, cornea, sclera; inner: as built.
    """

    points: Array
    matrix: sparse.csr_matrix
    quads: Index
    part: NDArray[np.uint8]
    mirror: Index
    landmarks: Index
    tag: NDArray[np.uint8]
    masks: dict[str, Array]
    inner: Inner

    @property
    def faces(self) -> Index:
        """Triangles (2F,3)."""
        return triangles(self.quads)

    def normals(self) -> Array:
        """Area-weighted unit vertex normals (V,3)."""
        return vertex_normals(self.points, self.faces)

    def eye(self, side: str) -> NDArray[np.bool_]:
        """The vertices (V,) of the "left" or "right" eyeball."""
        here = self.points[:, 0] > 0
        return (self.tag == EYE) & (here if side == "left" else ~here)

    def eye_centre(self, side: str) -> Array:
        """Centre (3,) of the "left" or "right" eyeball."""
        ball = self.points[self.eye(side) & (self.masks["cornea"] < 0.5)]
        return (ball.max(0) + ball.min(0)) / 2 * [1, 0, 0]


def assemble(head: Head, mean: Array, inner: Inner) -> Surface:
    """Subdivide the level-0 mean head (V0,3) mm once, and put the inner parts in."""
    matrix, quads = catmull_clark(head.quads, len(head.keep))
    skin, inside = matrix.shape[0], len(inner.points)
    rim, cap = neck_cap(quads, skin + inside)
    whole = np.concatenate([quads, inner.quads + skin, cap])
    part = np.concatenate([np.tile(head.part, 4), inner.part, np.full(len(cap), CAP, np.uint8)])
    tag = np.full(skin + inside + len(rim), CAP, np.uint8)
    for code in [*np.unique(inner.part).tolist(), MOUTH, CAVITY, SKIN, FACE]:
        tag[whole[part == code]] = code
    points = matrix @ mean
    return Surface(
        points=np.concatenate([points, inner.points, points[rim]]),
        matrix=matrix,
        quads=whole,
        part=part,
        mirror=_whole_mirror(refine_mirror(head.quads, head.mirror), inner.mirror, rim),
        landmarks=landmark_vertices(head),
        tag=tag,
        masks=_masks(head, matrix, inner, rim),
        inner=inner,
    )


def _whole_mirror(skin: Index, inner: Index, rim: Index) -> Index:
    place = {int(v): i for i, v in enumerate(rim)}
    cap = np.array([place[int(skin[v])] for v in rim])
    first = len(skin) + len(inner)
    return np.concatenate([skin, len(skin) + inner, first + cap])


def _masks(head: Head, matrix: sparse.csr_matrix, inner: Inner, rim: Index) -> dict[str, Array]:
    mirror = refine_mirror(head.quads, head.mirror)
    masks = {}
    for name, mask in head.masks.items():
        fine = matrix @ mask
        blank = np.zeros(len(inner.points) + len(rim))
        masks[name] = np.concatenate([(fine + fine[mirror]) / 2, blank])
    for name, inside in inner.regions.items():
        parts = [np.zeros(matrix.shape[0]), inside.astype(float), np.zeros(len(rim))]
        masks[name] = np.concatenate(parts)
    return masks


def vertex_normals(points: Array, faces: Index) -> Array:
    """Area-weighted unit normals (V,3) of a triangle mesh."""
    corner = points[faces]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, faces[:, k], flat)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def landmark_vertices(head: Head) -> Index:
    """The level-1 vertices (68,) of the landmarks: a level-0 vertex's, or the middle of an edge.

    Picked by eye on renderings; 21 and 22 lie on the inner ends of the brows, 8 on the lower edge
    of the chin.
    """
    rim, _, _ = edge_table(head.quads)
    edges = {tuple(sorted(pair)): i for i, pair in enumerate(rim.tolist())}
    count = len(head.keep)
    return np.array(
        [at[0] if len(at) == 1 else count + edges[tuple(sorted(at))] for at in head.landmarks]
    )


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
