"""Pieces of a scene: coloured meshes, opaque ones and sheets of strands or glass over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel

Array = NDArray[Any]


@dataclass(frozen=True)
class Surface:
    """An opaque mesh, or a sheet in front of one.

    Attributes:
        points: (n,3) mm; faces: (f,3) int32.
        albedo: (n,3) linear light.
        gloss: (n,) strength of the highlight; occlusion: (n,) of the ambient light.
        sheet: (n,5) of sheets only: opacity, column and row of the strand pattern, strength of
            the pattern, distance to the ragged lower border (1 is far).
    """

    points: Array
    faces: Array
    albedo: Array
    gloss: Array
    occlusion: Array
    sheet: Array | None = None

    @classmethod
    def plain(
        cls, points: Array, faces: Array, albedo: Array, gloss: float = 0.0,
        sheet: Array | None = None,
    ) -> Surface:  # fmt: skip
        """A surface of one gloss in open light; albedo (n,3) or one colour (3,)."""
        count = len(points)
        colours = np.broadcast_to(np.clip(albedo, 0.002, 0.95), (count, 3))
        ones = np.ones(count, np.float32)
        return cls(
            points.astype(np.float32), faces, colours.astype(np.float32), ones * gloss, ones, sheet
        )


def join(surfaces: list[Surface]) -> Surface:
    """One surface of many; all or none of them sheets."""
    starts = np.cumsum([0, *(len(s.points) for s in surfaces[:-1])])
    faces = [s.faces + np.int32(start) for s, start in zip(surfaces, starts, strict=True)]

    def all_of(name: str) -> Array:
        return np.concatenate([getattr(s, name) for s in surfaces]).astype(np.float32)

    sheet = None if surfaces[0].sheet is None else all_of("sheet")
    return Surface(
        all_of("points"), np.concatenate(faces).astype(np.int32), all_of("albedo"),
        all_of("gloss"), all_of("occlusion"), sheet,
    )  # fmt: skip


def grid_faces(rows: int, columns: int, closed: bool = False) -> NDArray[np.int32]:
    """Triangles of a grid of vertices, row by row; `closed` joins the last column to the first."""
    i, j = np.meshgrid(
        np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij"
    )
    k = (j + 1) % columns
    quads = np.stack([i * columns + j, (i + 1) * columns + j, (i + 1) * columns + k,
                      i * columns + k], -1).reshape(-1, 4)  # fmt: skip
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


@kernel
def _normals(points: Array, faces: Array, out: Array) -> None:
    out[:] = 0
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1]
        az = points[j, 2] - points[i, 2]
        bx, by = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1]
        bz = points[k, 2] - points[i, 2]
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            out[v, 0] += x
            out[v, 1] += y
            out[v, 2] += z


@kernel
def normalise(vectors: Array) -> None:
    """Scale vectors (n,3) to unit length in place; zero stays zero."""
    for v in range(len(vectors)):
        square = vectors[v, 0] ** 2 + vectors[v, 1] ** 2 + vectors[v, 2] ** 2
        scale = np.float32(1 / np.sqrt(square + 1e-12))
        vectors[v, 0] *= scale
        vectors[v, 1] *= scale
        vectors[v, 2] *= scale


def normals(points: Array, faces: Array) -> NDArray[np.float32]:
    """Unit normals (n,3) of the vertices, weighted by area."""
    out = np.empty((len(points), 3), np.float32)
    _normals(points, faces, out)
    normalise(out)
    return out


def ring_noise(rng: np.random.Generator, count: int, cells: int) -> NDArray[np.float64]:
    """Smooth normal noise (count,) round a circle, varying over 1 / cells of it."""
    knots = rng.standard_normal(cells)
    place = np.arange(count) / count * cells
    low = place.astype(int)
    t = place - low
    t = t * t * (3 - 2 * t)
    return knots[low % cells] * (1 - t) + knots[(low + 1) % cells] * t
