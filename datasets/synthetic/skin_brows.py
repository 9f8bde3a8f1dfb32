"""Brows of single hairs, drawn into the skin's atlas along the landmarks of the brows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from .skin_strokes import Strokes

Array = NDArray[Any]
_MARKS = ((21, 20, 19, 18, 17), (22, 23, 24, 25, 26))
"""Landmarks of a brow from its inner end outwards: the right one, the left one."""

_KNOTS = (0.0, 0.27, 0.5, 0.72, 1.0)
_DROP = 1.5
"""Texels of an atlas of 512 by which a brow's middle lies below its landmarks."""

_STEPS = 64


@dataclass(frozen=True)
class BrowStyle:
    """The shape of a person's brows; lengths in texels of an atlas of 512, about 0.65 mm.

    Attributes:
        half: half the height near the inner end; tail: share of it that is left outwards.
        arch: how much higher the bend lies; lift: how much higher the whole brow.
        start, stop: where they begin and end, of the landmarks' line 0 to 1.
        hairs: number of hairs of one brow; strength: opacity of a hair, 0 to 1.
        length: of a hair; unruly: degrees of disorder.
    """

    half: float
    tail: float
    arch: float
    lift: float
    start: float
    stop: float
    hairs: int
    strength: float
    length: float
    unruly: float


def draw_brow_style(rng: np.random.Generator, age: float, sex: float) -> BrowStyle:
    """Thin and arched to broad and straight, by sex and chance; sparser with age."""
    old, dense = max(age - 45, 0) / 40, float(np.clip(rng.normal(0.75 + 0.12 * sex, 0.2), 0.2, 1))
    return BrowStyle(
        half=float(np.clip(rng.normal(5.2 + 0.9 * sex, 0.9), 2.8, 7.8)),
        tail=float(rng.uniform(0.3, 0.55)),
        arch=float(rng.normal(0.6 - 0.8 * sex, 0.9)),
        lift=float(rng.normal(0, 1.0)),
        start=float(rng.normal(0.02, 0.04)),
        stop=float(rng.normal(1.0, 0.07)),
        hairs=int((170 + 220 * dense) * (1 - 0.35 * old)),
        strength=float(np.clip(rng.normal(0.88 + 0.05 * sex, 0.1), 0.45, 0.98)),
        length=float(rng.uniform(7.5, 11) * (1 + 0.25 * old * max(sex, 0))),
        unruly=float(rng.uniform(5, 13) * (1 + old)),
    )


@dataclass(frozen=True)
class BrowLines:
    """The middle lines (2,64,2) of both brows in columns and rows of an atlas of 512, from a
    little before the landmarks to a little behind them, and directions along them (2,64,2)."""

    middle: Array
    along: Array

    @classmethod
    def of(cls, marks: Array) -> BrowLines:
        """Along landmarks (68,2)."""
        steps = np.linspace(-0.25, 1.25, _STEPS)
        splines = [CubicSpline(_KNOTS, marks[list(side)] + [0, _DROP]) for side in _MARKS]
        along = np.stack([_unit(spline(np.clip(steps, 0, 1), 1)) for spline in splines])
        inside = np.stack([spline(np.clip(steps, 0, 1)) for spline in splines])
        length = np.linalg.norm(np.diff(inside, axis=1), axis=2).sum(1)
        beyond = (steps - np.clip(steps, 0, 1))[None, :, None] * length[:, None, None]
        return cls(inside + beyond * along, along)


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def brow_hairs(rng: np.random.Generator, lines: BrowLines, style: BrowStyle) -> Strokes:
    """The hairs of both brows, each of four points."""
    count = style.hairs
    place = np.sort(rng.random((2, count)), axis=1) ** 1.05
    across = np.clip(rng.normal(0, 0.5, (2, count)), -1, 1)
    middle, along = _on_line(lines, style.start + (style.stop - style.start) * place)
    up = np.stack([along[..., 1], -along[..., 0]], -1)
    up *= np.where(up[..., 1:] > 0, -1, 1)
    half = style.half * (1 - (1 - style.tail) * place**1.5)
    bend = style.arch * np.exp(-(((place - 0.62) / 0.25) ** 2)) + style.lift
    roots = middle + up * (across * half * 0.85 + bend)[..., None]
    # The inner hairs stand, the others lie; from the bend on the upper ones point down.
    angle = 75 * np.exp(-((place / 0.16) ** 2)) + 24 - 30 * place - 26 * across * (place > 0.2)
    angle = np.radians(angle + rng.normal(0, style.unruly, (2, count)))
    curl = np.radians(rng.normal(-22, 8, (2, count)))
    reach = style.length * rng.uniform(0.6, 1.1, (2, count)) * (1 - 0.35 * place)
    points = [roots]
    for step in range(3):
        turn = (angle + curl * step / 2)[..., None]
        way = np.cos(turn) * along + np.sin(turn) * up
        points.append(points[-1] + way * reach[..., None] / 3)
    fade = np.array([0.85, 1, 0.9, 0.25]) * style.strength
    thick = np.array([1.05, 1.15, 1.0, 0.75]) * rng.uniform(0.95, 1.25, (2, count, 1))
    weak = rng.uniform(0.5, 1.05, (2, count, 1)) * np.minimum(1, 0.3 + place[..., None] / 0.2)
    return Strokes(
        np.stack(points, 2).reshape(-1, 4, 2),
        thick.reshape(-1, 4),
        np.minimum(fade * weak, 1).reshape(-1, 4),
    )


def _on_line(lines: BrowLines, place: Array) -> tuple[Array, Array]:
    """Points and directions (2,N,2) at places (2,N), 0 to 1 between the landmarks' ends."""
    where = np.clip((place + 0.25) / 1.5 * (_STEPS - 1), 0, _STEPS - 1.001)
    low = where.astype(int)
    share, side = (where - low)[..., None], np.arange(2)[:, None]
    parts = [
        a[side, low] * (1 - share) + a[side, low + 1] * share for a in (lines.middle, lines.along)
    ]
    return parts[0], _unit(parts[1])
