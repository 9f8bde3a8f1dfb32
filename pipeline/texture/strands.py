"""A pattern of combed hair over a head, for where no photograph shows the hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.jit import inline, kernel

_CROWN = (-0.35, 0.85)  # of the head's radius, behind and above the ears: where hair parts
_MERIDIANS = (220, 90, 37)  # strands round the head, from fine to coarse locks
_SHARES = (0.6, 0.5, 0.4)
_WAVES = 0.9  # how far locks swing sideways, in strands of the coarsest kind
_RINGS = 64  # steps from the crown outwards
_SEED = 11


def hair_strands(
    points: NDArray[np.float32], ears: Tensor, vertices: Tensor
) -> NDArray[np.float32]:
    """Strands that run from the crown outwards and down, (N,), mean 0 and deviation about 1.

    Args:
        points: (N,3) mm in model space, where the pattern is wanted.
        ears: (V,) bool, the ears' vertices; without any the middle of the vertices is taken.
        vertices: (V,3) mm.
    """
    middle = (vertices[ears] if bool(ears.any()) else vertices).mean(0).double().numpy()
    radius = float(np.ptp(vertices.numpy()[:, 0])) / 2
    axis = np.array([0.0, _CROWN[1], _CROWN[0]])
    axis /= np.linalg.norm(axis)
    away = np.stack([[1.0, 0, 0], np.cross([1.0, 0, 0], axis), axis]) / radius
    result = np.zeros(len(points), np.float32)
    for seed, (count, share) in enumerate(zip(_MERIDIANS, _SHARES, strict=True)):
        table, swing = _locks(count, seed)
        share /= np.sqrt(sum(s * s for s in _SHARES))
        _comb(np.ascontiguousarray(points), middle, away, share * table, swing, result)
    return result


def _locks(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One size of strand, by rings from the crown: noise across them (R,count), which changes
    slowly along them, and how far they swing sideways (R,9), in turns.
    """
    rng = np.random.default_rng(_SEED + seed)
    table = _smoothed(rng.normal(size=(_RINGS, count)), 3.0)
    swing = _smoothed(rng.normal(size=(_RINGS, 9)), 6.0)
    return table / table.std(), swing * (_WAVES / (_MERIDIANS[-1] * swing.std()))


def _smoothed(table: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """A Gaussian of a standard deviation in rows down each column, mirrored at both ends."""
    reach = round(4 * spread)
    weights = np.exp(-np.square(np.arange(-reach, reach + 1) / spread) / 2)
    padded = np.pad(table, ((reach, reach), (0, 0)), "symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return np.asarray(windows @ (weights / weights.sum()))


@kernel
def _comb(
    points: NDArray[np.float32],
    middle: NDArray[np.float64],
    away: NDArray[np.float64],
    table: NDArray[np.float64],
    swing: NDArray[np.float64],
    result: NDArray[np.float32],
) -> None:
    """Add one size of strand to the result (N,) at points (N,3).

    Args:
        points: mm. middle: (3,) mm.
        away: (3,3) rows across, along and out of the crown, in parts of the head's radius per mm.
        table, swing: (R,C) and (R,9), see `_locks`.
        result: (N,), changed in place.
    """
    for n in range(len(points)):
        x, y, z = points[n, 0] - middle[0], points[n, 1] - middle[1], points[n, 2] - middle[2]
        across = away[0, 0] * x + away[0, 1] * y + away[0, 2] * z
        along = away[1, 0] * x + away[1, 1] * y + away[1, 2] * z
        height = away[2, 0] * x + away[2, 1] * y + away[2, 2] * z
        turn = np.arctan2(across, along) / (2 * np.pi) + 0.5
        ring = np.arctan2(np.hypot(across, along), height) / np.pi * (len(table) - 1)
        turn += _look_up(swing, ring, turn * swing.shape[1])
        result[n] += np.float32(_look_up(table, ring, turn * table.shape[1]))


@inline
def _look_up(table: NDArray[np.float64], row: float, column: float) -> float:
    """The bilinear value; columns go round."""
    width = table.shape[1]
    r0 = min(max(int(np.floor(row)), 0), len(table) - 2)
    c0 = int(np.floor(column))
    r, c = min(max(row - r0, 0.0), 1.0), column - c0
    left, right = c0 % width, (c0 + 1) % width
    top = table[r0, left] * (1 - c) + table[r0, right] * c
    bottom = table[r0 + 1, left] * (1 - c) + table[r0 + 1, right] * c
    value: float = top * (1 - r) + bottom * r
    return value
