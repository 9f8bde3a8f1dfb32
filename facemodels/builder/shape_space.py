"""The space of our own shapes: MakeHuman's targets, and smooth deformations of three lengths.

What a target cannot say, a Gaussian-process deformation can (Luethi, Gerig, Jud, Vetter 2017,
"Gaussian process morphable models"): displacement(x) = sum_c k(x, c) a_c over control points c on
the head, with the kernel k(x, c) = exp(-|x - c|^2 / (2 length^2)) and weights a_c (3,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .carried import MM_PER_DM, Carried
from .hm08 import Array, Index
from .source import AnnySource
from .targets import read_targets


@dataclass(frozen=True)
class Smooth:
    """Smooth deformations of one length.

    Attributes:
        length: of the kernel, mm; deviation: that is expected of the displacements, mm.
        controls: (C,) control points as base-mesh vertices.
    """

    length: float
    deviation: float
    controls: Index


@dataclass(frozen=True)
class ShapeSpace:
    """Shapes (N,V+H,3) mm that weights (N,) are given to: targets first, then every control
    point's x, its y and its z, length by length."""

    targets: tuple[str, ...]
    smooth: tuple[Smooth, ...]
    shapes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.shapes)

    def moved(self, weights: Array) -> NDArray[np.float32]:
        """Displacements (...,V+H,3) of weights (...,N)."""
        flat = weights.astype(np.float32) @ self.shapes.reshape(len(self), -1)
        return flat.reshape(*weights.shape[:-1], *self.shapes.shape[1:])


def build_shape_space(
    source: AnnySource, carried: Carried, targets: Sequence[str], smooth: Sequence[Smooth]
) -> ShapeSpace:
    """Read the targets and lay out the smooth deformations.

    Raises:
        InputError: a control point is not among the carried vertices.
    """
    parts = [read_targets(source, carried.ids, tuple(targets)) * np.float32(MM_PER_DM)]
    place = {int(v): i for i, v in enumerate(carried.ids)}
    for one in smooth:
        centres = carried.points[[place[int(c)] for c in one.controls]]
        fields = kernel(carried.points, centres, one.length).T.astype(np.float32)
        shapes = np.zeros((3, *fields.shape, 3), np.float32)
        for axis in range(3):
            shapes[axis, :, :, axis] = fields
        parts.append(shapes.reshape(-1, *fields.shape[1:], 3))
    return ShapeSpace(tuple(targets), tuple(smooth), np.concatenate(parts))


def kernel(points: Array, centres: Array, length: float) -> Array:
    """exp(-|x - c|^2 / (2 length^2)) of points (V,3) and centres (C,3): (V,C).

    Zero beyond five and a half lengths, where it is under 3e-7: products with such numbers would
    be slow.
    """
    square = (points**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * points @ centres.T
    far = np.maximum(square, 0) / (2 * length**2)
    return np.where(far < 15, np.exp(-far), 0.0)


def spread_points(points: Array, candidates: Index, count: int) -> Index:
    """`count` of the candidates, each the farthest from those before it (first the first)."""
    cloud = points[candidates]
    chosen, distance = [0], ((cloud - cloud[0]) ** 2).sum(1)
    while len(chosen) < min(count, len(candidates)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((cloud - cloud[chosen[-1]]) ** 2).sum(1))
    return candidates[chosen]
