"""Pieces of a scene: coloured meshes, opaque ones and sheets of strands or glass over them.

The textures of all of them lie in one array, as kernels read them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.jit import kernel
from ...geometry.segments import Segment
from .filters import to_linear

Array = NDArray[Any]

NONE = -1
"""The number of no texture."""

LINEAR = to_linear(np.arange(256) / 255)
"""Linear light of the 256 coded values."""


class TextureTable:
    """Pictures (h,w,4) uint8, sRGB-coded with an opacity, one after the other in memory.

    Attributes:
        buffer: all their bytes; places: (n,3) int64 offset, height, width of each.
    """

    def __init__(self) -> None:
        self._pictures: list[Array] = []
        self.buffer: Array = np.zeros(4, np.uint8)
        self.places: Array = np.zeros((0, 3), np.int64)

    def add(self, pictures: list[Array]) -> list[int]:
        """Add pictures; their numbers.

        Raises:
            InputError: one is no (h,w,4) uint8.
        """
        for picture in pictures:
            if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
                got = f"{picture.dtype} {picture.shape}"
                raise InputError("texture", "uint8 of shape (h,w,4)", got)
        first = len(self._pictures)
        self._pictures += pictures
        sizes = np.array([p.size for p in self._pictures], np.int64)
        starts = np.cumsum(sizes) - sizes
        shapes = np.array([p.shape[:2] for p in self._pictures], np.int64).reshape(-1, 2)
        self.places = np.concatenate([starts[:, None], shapes], 1)
        self.buffer = np.concatenate([p.ravel() for p in self._pictures] or [self.buffer])
        return list(range(first, len(self._pictures)))


@dataclass(frozen=True)
class Surface:
    """An opaque mesh, or a sheet in front of one.

    Attributes:
        points: (n,3) mm; faces: (f,3) int32.
        albedo: (n,3) linear light.
        gloss: (n,) strength of the highlight; occlusion: (n,) of the ambient light.
        sheet: (n,5) of sheets only: opacity, column and row of the strand pattern, strength of
            the pattern, distance to the ragged lower border (1 is far).
        kinds: (n,) uint8, classes of a segmentation map.
        texture: number of the texture that the light is multiplied by, NONE without one.
        uv: (f,3,2) its coordinates at the corners of the faces, v down.
    """

    points: Array
    faces: Array
    albedo: Array
    gloss: Array
    occlusion: Array
    sheet: Array | None = None
    kinds: Array | None = None
    texture: int = NONE
    uv: Array | None = None

    @classmethod
    def plain(
        cls, points: Array, faces: Array, albedo: Array, gloss: float = 0.0,
        sheet: Array | None = None, *, kind: Segment = Segment.CLOTHES,
    ) -> Surface:  # fmt: skip
        """A surface of one gloss and class in open light; albedo (n,3) or one colour (3,)."""
        count = len(points)
        colours = np.empty((count, 3), np.float32)
        colours[:] = np.minimum(np.maximum(albedo, 0.002), 0.95)
        glosses = np.full(count, gloss, np.float32)
        ones, kinds = np.ones(count, np.float32), np.full(count, int(kind), np.uint8)
        return cls(points.astype(np.float32), faces, colours, glosses, ones, sheet, kinds)

    def textured(self, texture: int, uv: Array) -> Surface:
        """The same with a texture and its coordinates (f,3,2)."""
        return replace(self, texture=texture, uv=uv)

    def classified(self, kinds: Array) -> Surface:
        """The same with classes (n,) of its vertices."""
        return replace(self, kinds=kinds)

    def corners(self) -> tuple[Array, Array]:
        """Texture numbers (f,) int32 of the faces, and coordinates (f,3,2) of their corners."""
        count = len(self.faces)
        uv = np.zeros((count, 3, 2), np.float32) if self.uv is None else self.uv
        return np.full(count, self.texture, np.int32), uv


def kinds_of(surfaces: list[Surface]) -> Array:
    """The classes of all their vertices; every surface must have some."""
    return np.concatenate([s.kinds for s in surfaces if s.kinds is not None])


def join(surfaces: list[Surface]) -> Surface:
    """One surface of many, none of them a sheet, without classes and textures."""
    starts = np.cumsum([0, *(len(s.points) for s in surfaces[:-1])])
    faces = [s.faces + np.int32(start) for s, start in zip(surfaces, starts, strict=True)]
    return Surface(
        np.concatenate([s.points for s in surfaces]), np.concatenate(faces),
        np.concatenate([s.albedo for s in surfaces]), np.concatenate([s.gloss for s in surfaces]),
        np.concatenate([s.occlusion for s in surfaces]),
    )  # fmt: skip


@cache
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
def sum_normals(points: Array, faces: Array, out: Array) -> None:
    """Sums (n,3) of the faces' normals at the vertices, weighted by area."""
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
def facing_normals(sums: Array, out: Array) -> None:
    """Unit normals (n,3) turned to the camera, of their sums over the faces."""
    for v in range(len(sums)):
        x, y, z = sums[v, 0], sums[v, 1], sums[v, 2]
        scale = np.float32(1 / np.sqrt(x * x + y * y + z * z + np.float32(1e-12)))
        if z < 0:
            scale = -scale
        out[v, 0], out[v, 1], out[v, 2] = x * scale, y * scale, z * scale


@kernel
def move(points: Array, rotation: Array, translation: Array, out: Array) -> None:
    """out = rotation @ points + translation, for points (n,3)."""
    for v in range(len(points)):
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        for c in range(3):
            out[v, c] = (
                rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z + translation[c]
            )


def ring_noise(rng: np.random.Generator, count: int, cells: int) -> NDArray[np.float64]:
    """Smooth normal noise (count,) round a circle, varying over 1 / cells of it."""
    knots = rng.standard_normal(cells)
    place = np.arange(count) / count * cells
    low = place.astype(int)
    t = place - low
    t = t * t * (3 - 2 * t)
    return knots[low % cells] * (1 - t) + knots[(low + 1) % cells] * t
