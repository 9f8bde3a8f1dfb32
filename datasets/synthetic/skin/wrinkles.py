"""Wrinkles by age: lines along curves that the landmarks give, in the skin's atlas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .strokes import Strokes

Array = NDArray[Any]
_POINTS = 12
_MIDDLE = 255.5
"""The column of the face's plane of symmetry; all lengths are texels of an atlas of 512."""

_T = np.linspace(0, 1, _POINTS)
_FADE = np.sin(np.pi * (0.96 * _T + 0.02)) ** 0.7
_POWERS = _T[:, None] ** np.arange(4)
_KNOT_FITS = {
    n: _POWERS @ np.linalg.pinv(np.linspace(0, 1, n)[:, None] ** np.arange(4)) for n in (3, 4)
}
"""From three or four knots to the points of a curve through them."""


def draw_wrinkles(rng: np.random.Generator, marks: Array, old: float) -> Strokes:
    """A person's wrinkles: each a fine line in a shallow valley.

    Args:
        rng: source of chance.
        marks: (68,2) landmarks `ibug68` in columns and rows.
        old: 0 until 25 years, 1 at 85.
    """
    groups = [
        _forehead(rng, marks, old), _crows_feet(rng, marks, old), _folds(rng, marks, old),
        _under_eyes(rng, marks, old), _frown(rng, marks, old), _lips(rng, marks, old),
        _neck(rng, marks, old),
    ]  # fmt: skip
    paths, widths, strengths = (np.concatenate(part) for part in zip(*groups, strict=True))
    shown = strengths > 0.04
    return _as_strokes(rng, paths[shown], widths[shown], strengths[shown])


_Group = tuple[Array, Array, Array]
"""Paths (N,P,2), widths (N,) and strengths (N,)."""


def _as_strokes(rng: np.random.Generator, paths: Array, widths: Array, strengths: Array) -> Strokes:
    """Lines that waver and fade at both ends, and valleys round them."""
    shape = paths.shape[:2]
    shaken = paths + rng.normal(0, 0.3, paths.shape)
    waver = np.clip(1 + 0.22 * rng.standard_normal(shape), 0.3, 1.3)
    fine = strengths[:, None] * _FADE * waver
    wide = 0.42 * strengths[:, None] * _FADE
    thick = widths[:, None] * (0.6 + 0.4 * _FADE)
    return Strokes(
        np.concatenate([shaken, paths]),
        np.concatenate([thick, 2.6 * thick + 1]),
        np.clip(np.concatenate([fine, wide]), 0, 1),
    )


def _amount(
    rng: np.random.Generator, old: float, count: int, spread: float = 0.45, early: float = 0.0
) -> Array:
    """Strengths (count,) of the lines of one group: few in the young, uneven in all."""
    group = (old + early) ** 1.25 * np.exp(spread * rng.standard_normal())
    return np.clip(group * rng.uniform(0.45, 1.1, count), 0, 1)


def _mirrored(rng: np.random.Generator, paths: Array) -> Array:
    """Paths (N,P,2) of the left side, and their mirror images with small differences."""
    other = paths * [-1, 1] + [2 * _MIDDLE, 0]
    return np.concatenate([paths, other + rng.normal(0, 0.9, (len(paths), 1, 2))])


def _beside(places: list[Array], away: list[list[float]]) -> Array:
    """Points (N,2) off places (2,)."""
    return np.array(places) + np.array(away)


def _curves(rng: np.random.Generator, knots: list[Array], jitter: float = 1.5) -> Array:
    """Smooth paths (N,P,2) through a few points (2,) each."""
    shaken = np.array(knots) + rng.normal(0, jitter, (len(knots), len(knots[0]), 2))
    return _KNOT_FITS[len(knots[0])] @ shaken


def _forehead(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    count = int(rng.integers(3, 7))
    t = 2 * _T - 1
    low, top = marks[[19, 24], 1].mean() - 13, 66 + rng.uniform(0, 14)
    height = np.linspace(low, top, count) + rng.normal(0, 1.5, count)
    reach = rng.uniform(40, 86, count) * np.linspace(1.05, 0.8, count)
    x = _MIDDLE + t * reach[:, None] + rng.normal(0, 8, (count, 1))
    wave = rng.uniform(1, 5) * np.cos(3.6 * t + rng.normal(0, 0.4))
    y = height[:, None] - wave * np.linspace(1, 0.4, count)[:, None] + 7 * t**2
    paths = np.stack([x, y], -1)
    return paths, rng.uniform(1.6, 2.6, count), _amount(rng, old, count)


def _crows_feet(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    count = int(rng.integers(3, 6))
    angle = np.radians(np.linspace(-30, 42, count) + rng.normal(0, 6, count))
    way = np.stack([np.cos(angle), np.sin(angle)], -1)
    start = marks[45] + [7, 0] + way * [2, 14] + rng.uniform(0, 5, (count, 1)) * way
    reach = rng.uniform(12, 32, count)[:, None, None]
    bend = way[:, None] * [0, 8]
    t = _T[:, None]
    both = _mirrored(rng, start[:, None] + t * reach * way[:, None] + t**2 * bend)
    return both, rng.uniform(1.3, 1.9, len(both)), 0.8 * _amount(rng, old, len(both))


def _folds(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    """From the nose to beside the mouth, and from there downwards."""
    wing, corner = marks[35], marks[54]
    fold = _beside([wing, wing, corner, corner], [[6, -16], [22, 6], [17, -16], [15, 4]])
    chin = _beside([corner] * 4, [[7, 10], [11, 18], [12, 27], [9, 38]])
    paths = _mirrored(rng, _curves(rng, [fold, chin]))
    strengths = np.array([1.0, 0.7, 1.0, 0.7]) * _amount(rng, old, 4, 0.35, early=0.14)
    return paths, rng.uniform(2.2, 3.4, 4), strengths


def _under_eyes(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    inner, outer, low = marks[42], marks[45], marks[[46, 47]].mean(0)
    ring = [inner, low, low, outer]
    bag = _beside(ring, [[2, 6], [-6, 18], [8, 20], [4, 13]])
    near = _beside(ring, [[2, 4], [-4, 9], [8, 9], [2, 6]])
    fine = _beside(ring, [[6, 8], [-4, 13], [8, 14], [6, 10]])
    paths = _mirrored(rng, _curves(rng, [bag, near, fine]))
    strengths = np.tile([0.75, 0.55, 0.4], 2) * _amount(rng, old, 6, early=0.08)
    return paths, np.tile([2.8, 1.6, 1.2], 2), strengths


def _frown(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    top = np.array([marks[22, 0] - 13, marks[22, 1] - 8])
    path = _curves(rng, [_beside([top] * 3, [[0, 0], [-1, 12], [-3, 26]])])
    return _mirrored(rng, path), rng.uniform(1.6, 2.4, 2), _amount(rng, 0.8 * old, 2, 0.8)


def _lips(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    """Short lines that run towards the upper lip."""
    count = 10
    x = _MIDDLE + (np.arange(count) - 4.5) * 9 + rng.normal(0, 2, count)
    edge = np.interp(x, marks[48:55, 0], marks[48:55, 1])
    away = _T * rng.uniform(8, 15, count)[:, None]
    paths = np.stack(
        [x[:, None] + 0.12 * (x - _MIDDLE)[:, None] * _T, edge[:, None] - 1 - away], -1
    )
    return paths, np.full(count, 1.2), 0.6 * _amount(rng, max(old - 0.35, 0), count, 0.6)


def _neck(rng: np.random.Generator, marks: Array, old: float) -> _Group:
    """Rings round the throat."""
    t = 2 * _T - 1
    height = marks[8, 1] + np.array([26.0, 38.0]) + rng.normal(0, 3, 2)
    x = np.broadcast_to(_MIDDLE + t * 80, (2, _POINTS))
    y = height[:, None] - 14 * t**2
    strengths = 0.7 * _amount(rng, old, 2, early=0.15)
    return np.stack([x, y], -1), rng.uniform(2.0, 3.0, 2), strengths
