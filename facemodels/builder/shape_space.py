"""The space of our own shapes: MakeHuman's targets, and smooth deformations of three lengths.

What a target cannot say, a Gaussian-process deformation can (Luethi, Gerig, Jud, Vetter 2017,
"Gaussian process morphable models"): displacement(x) = sum_c k(x, c) a_c over control points c on
the head, with the kernel k(x, c) = exp(-|x - c|^2 / (2 length^2)) and weights a_c (3,).
Principal components of a population in this space respect the left-right mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from .carried import MM_PER_DM, Carried
from .hm08 import Array, Index
from .source import AnnySource
from .targets import read_targets


def symmetric_pca(
    samples: NDArray[np.float32],
    mirror: Index,
    weight: Array,
    count: int,
    reflect: Callable[[NDArray, Index], NDArray],
) -> tuple[Array, NDArray[np.float32], Array]:
    """PCA of a population to which everybody's mirror image has been added.

    A deviation splits into a symmetric and an antisymmetric half that are uncorrelated in such a
    population, so the components of each half are found on their own and merged by variance.

    Args:
        samples: (N,V,3).
        mirror: (V,) mirror vertex of every vertex.
        weight: (V,) importance of every vertex, symmetric.
        count: components to keep, K.
        reflect: mirror image of an array (...,V,3).

    Returns:
        mean (V,3); components (K,V,3) per standard deviation, each one's largest entry positive;
        the cumulative share of the weighted variance (K,).
    """
    mean = samples.mean(0, dtype=np.float64)
    mean = (mean + reflect(mean, mirror)) / 2
    halves = _halves(samples, mean, mirror, reflect)
    parts = [_components(half, weight, count) for half in halves]
    total = sum(f[2] for f in parts)
    variance = np.concatenate([f[0] for f in parts])
    order = np.argsort(-variance, kind="stable")[:count]
    basis = np.concatenate([f[1] for f in parts])[order]
    return mean, _fix_signs(basis), np.cumsum(variance[order]) / total


def _halves(
    samples: NDArray[np.float32],
    mean: Array,
    mirror: Index,
    reflect: Callable[[NDArray, Index], NDArray],
) -> list[NDArray[np.float32]]:
    deviation = samples - mean.astype(np.float32)
    mirrored = reflect(deviation, mirror)
    return [(deviation + mirrored) / 2, (deviation - mirrored) / 2]


def _components(
    half: NDArray[np.float32], weight: Array, count: int
) -> tuple[Array, NDArray[np.float32], float]:
    """Variances (K,), components (K,V,3) regressed on unit-variance scores, and total variance."""
    n = len(half)
    flat = (half * weight[None, :, None].astype(np.float32)).reshape(n, -1)
    gram = (flat @ flat.T).astype(np.float64) / n
    variance, vectors = eigh(gram, subset_by_index=[n - count, n - 1])
    scores = (vectors * np.sqrt(n)).astype(np.float32)
    basis = (scores.T @ half.reshape(n, -1) / n).reshape(count, -1, 3)
    return variance, basis, float(np.trace(gram))


def _fix_signs(basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flip components so that the entry largest in magnitude is positive.

    Mirror twins tie in magnitude; only vertices that lead by more than rounding would be safe, so
    the first entry within 1 % of the largest decides.
    """
    flat = basis.reshape(len(basis), -1)
    leading = np.abs(flat) >= 0.99 * np.abs(flat).max(1, keepdims=True)
    sign = np.sign(flat[np.arange(len(flat)), leading.argmax(1)])
    return basis * sign[:, None, None]


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
    for level in smooth:
        centres = carried.points[[place[int(c)] for c in level.controls]]
        fields = kernel(carried.points, centres, level.length).T.astype(np.float32)
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
