"""A pattern of combed hair over a head, for where no photograph shows the hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

_CROWN = (-0.35, 0.85)  # of the head's radius, behind and above the ears: where hair parts
_MERIDIANS = (220, 90, 37)  # strands round the head, from fine to coarse locks
_SHARES = (0.6, 0.5, 0.4)
_WAVES = 0.9  # how far locks swing sideways, in strands of the coarsest kind
_RINGS = 64  # steps from the crown outwards
_SEED = 11


def hair_strands(
    position: NDArray[np.float32], ears: Tensor, vertices: Tensor
) -> NDArray[np.float32]:
    """Strands that run from the crown outwards and down, (S,S), mean 0 and deviation about 1.

    Args:
        position: (S,S,3) mm in model space, of each texel.
        ears: (V,) bool, the ears' vertices; without any the middle of the vertices is taken.
        vertices: (V,3) mm.
    """
    middle = (vertices[ears] if bool(ears.any()) else vertices).mean(0).numpy()
    radius = float(np.ptp(vertices.numpy()[:, 0])) / 2
    axis = np.array([0.0, _CROWN[1], _CROWN[0]])
    axis /= np.linalg.norm(axis)
    forward = np.cross([1.0, 0, 0], axis)
    away = (position - middle) / radius
    height = away @ axis
    across = away[..., 0]
    along = away @ forward
    longitude = np.arctan2(across, along) / (2 * np.pi) + 0.5
    colatitude = np.arctan2(np.hypot(across, along), height) / np.pi
    pattern = sum(
        share * _locks(longitude, colatitude, count, seed)
        for seed, (count, share) in enumerate(zip(_MERIDIANS, _SHARES, strict=True))
    )
    return np.asarray(pattern / np.sqrt(sum(s * s for s in _SHARES)), np.float32)


def _locks(
    longitude: NDArray[np.float32], colatitude: NDArray[np.float32], count: int, seed: int
) -> NDArray[np.float32]:
    """One size of strand: noise across them, that changes slowly along them; periodic round."""
    rng = np.random.default_rng(_SEED + seed)
    table = gaussian_filter1d(rng.normal(size=(_RINGS, count)), 3.0, axis=0)
    table /= table.std()
    swing = gaussian_filter1d(rng.normal(size=(_RINGS, 9)), 6.0, axis=0)
    swing *= _WAVES / (_MERIDIANS[-1] * swing.std())
    ring = colatitude * (_RINGS - 1)
    sideways = _look_up(swing, ring, longitude * swing.shape[1])
    return _look_up(table, ring, (longitude + sideways) * count)


def _look_up(
    table: NDArray[np.float64], row: NDArray[np.float32], column: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Bilinear values; columns go round."""
    r0 = np.clip(np.floor(row).astype(int), 0, len(table) - 2)
    c0 = np.floor(column).astype(int)
    r, c = np.clip(row - r0, 0, 1), column - c0
    width = table.shape[1]
    left, right = c0 % width, (c0 + 1) % width
    top = table[r0, left] * (1 - c) + table[r0, right] * c
    bottom = table[r0 + 1, left] * (1 - c) + table[r0 + 1, right] * c
    return np.asarray(top * (1 - r) + bottom * r, np.float32)
