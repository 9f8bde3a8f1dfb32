"""Relief of the skin: normals tilted by pores, creases and the folds of age, at the vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ....core.jit import kernel
from ..head import Head
from ..surface import sum_normals
from ..traits import Traits

Array = NDArray[Any]
_FOLD_MM, _BAG_MM = 3.2, 3.6
"""How wide the valleys of the folds beside nose and mouth and those under the eyes are."""

_FOLD = np.array([[3, 9, -4], [14, -4, -6], [11, 9, -8], [8, -16, -6]])
_BAG = np.array([[1, -4, 0], [-4, -12, 0], [6, -12, -2], [3, -7, -4]])
"""Where these run, mm off the wing of the nose (twice) and the corner of the mouth (twice); off the
inner corner of the eye, the middle of its lower lid (twice) and its outer corner."""


@dataclass(frozen=True)
class Relief:
    """How rough one person's skin is.

    Attributes:
        pores, creases: numbers of fields of `Noise.bumps`, and how far each tilts normals.
        lines, folds, bags: how far the forehead's lines, the folds beside nose and mouth, and the
            valleys under the eyes do.
    """

    pores: tuple[int, float]
    creases: tuple[int, float]
    lines: float
    folds: float
    bags: float


def draw_relief(rng: np.random.Generator, traits: Traits) -> Relief:
    """Rougher with age."""
    old = traits.old
    return Relief(
        pores=(int(rng.integers(0, 10)), min(abs(rng.normal(0, 0.018 + 0.012 * old)), 0.05)),
        creases=(int(rng.integers(10, 20)), min(abs(rng.normal(0, 0.025 + 0.025 * old)), 0.08)),
        lines=float(rng.uniform(0, 0.06) + old * rng.uniform(0, 0.3)),
        folds=float(rng.uniform(0, 0.12) + old * rng.uniform(0.1, 0.45)),
        bags=float(rng.uniform(0, 0.1) + old * rng.uniform(0, 0.4)),
    )


@dataclass(frozen=True)
class Valleys:
    """Tilts (V,3) of the normals, of unit size at the steepest: `folds` beside nose and mouth,
    `bags` under the eyes."""

    folds: Array
    bags: Array

    @classmethod
    def of(cls, head: Head) -> Valleys:
        """On the mean head."""
        marks = head.landmarks(head.mean, "ibug68").astype(np.float64)
        wing, corner, low = marks[35], marks[54], (marks[46] + marks[47]) / 2
        fold = np.array([wing, wing, corner, corner]) + _FOLD
        bag = np.array([marks[42], low, low, marks[45]]) + _BAG
        skin = head.masks.skin[:, None]
        return cls(_valley(head, fold, _FOLD_MM) * skin, _valley(head, bag, _BAG_MM) * skin)


def _valley(head: Head, knots: Array, wide: float) -> NDArray[np.float32]:
    """Tilt of the normals (V,3) on both sides of a curve through four points, and its mirror."""
    t, u = np.linspace(0, 1, 4), np.linspace(0, 1, 60)
    curve = np.polynomial.polynomial.polyval(u, np.polynomial.polynomial.polyfit(t, knots, 3)).T
    mirrored = np.abs(head.mean * [1, 0, 0]) + head.mean * [0, 1, 1]
    near = cKDTree(curve).query(mirrored)[1]
    away = mirrored - curve[near]
    normals = np.empty_like(head.mean)
    sum_normals(head.mean, head.faces, normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    away[:, 0] *= np.sign(head.mean[:, 0])
    away -= (away * normals).sum(1, keepdims=True) * normals
    far = np.linalg.norm(away, axis=1, keepdims=True)
    ends = np.minimum(near, len(curve) - 1 - near) / len(curve)
    # The slope of a Gaussian valley: normals lean towards its bottom.
    slope = far / wide * np.exp(0.5 - 0.5 * (far / wide) ** 2) * np.minimum(4 * ends, 1)[:, None]
    return (-slope * away / np.maximum(far, 1e-6)).astype(np.float32)


@kernel
def _roughen(
    sums: Array, skin: Array, first: Array, second: Array, lines: Array, folds: Array, bags: Array,
    forehead: Array, tilts: Array, rotation: Array, out: Array,
) -> None:  # fmt: skip
    """Unit normals of sums (V,3), tilted on the skin, then rotated."""
    tiny, way = np.float32(1e-12), np.empty(3, np.float32)
    for v in range(len(sums)):
        x, y, z = sums[v, 0], sums[v, 1], sums[v, 2]
        scale = np.float32(1 / np.sqrt(x * x + y * y + z * z + tiny))
        one, two, three = tilts[0] * skin[v], tilts[1] * skin[v], tilts[2] * forehead[v]
        for c in range(3):
            way[c] = sums[v, c] * scale + one * first[v, c] + two * second[v, c]
            way[c] += three * lines[v, c] + tilts[3] * folds[v, c] + tilts[4] * bags[v, c]
        x, y, z = way[0], way[1], way[2]
        scale = np.float32(1 / np.sqrt(x * x + y * y + z * z + tiny))
        for c in range(3):
            turned = rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z
            out[v, c] = turned * scale


def rough_normals(
    head: Head, valleys: Valleys, relief: Relief, *, points: Array, rotation: Array
) -> NDArray[np.float32]:
    """Normals (V,3) of the head at points (V,3) in camera space, tilted by a person's relief."""
    noise, sums = head.noise, np.empty_like(points)
    sum_normals(points, head.faces, sums)
    tilts = np.array([relief.pores[1], relief.creases[1], relief.lines, relief.folds, relief.bags])
    out = np.empty_like(points)
    _roughen(
        sums, head.masks.skin, noise.bumps[relief.pores[0]], noise.bumps[relief.creases[0]],
        noise.lines, valleys.folds, valleys.bags, head.masks.forehead,
        tilts.astype(np.float32), rotation, out,
    )  # fmt: skip
    return out
