"""Hairs that are painted on the skin: masks of where beards grow, and brows of single hairs.

Both go by the landmarks. Masks of beards are made for texels and for vertices alike; brows are
drawn into the skin's atlas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ..chance import pick, running_shares
from ..masks import sigmoid
from .noise import value_noise
from .strokes import Strokes

Array = NDArray[Any]


# Along the side of the face, from the ear (0) to the corner of the mouth (1): how high a beard
# reaches, mm above that corner, and how much the heights of people differ there.
_CHEEK = np.array([[-0.1, 84, 0], [0.1, 80, 0], [0.17, 44, 4], [0.3, 28, 8], [0.5, 17, 10],
                   [0.75, 10, 8], [1.0, 5, 3], [1.4, 2, 0]])  # fmt: skip
_THROAT = (0.0, 0.45, 0.85, 1.0), (27.0, 25.0, 10.0, 0.0)
"""How far beards reach beyond the jaw, texels, by the distance from its middle; the ears are 1."""

_EAR_Z, _BEHIND_Z = -57.0, -61.0  # mm

FULL, LOW, SPARSE, MOUSTACHE, THIN_MOUSTACHE, CIRCLE, GOATEE, STRAP, CHIN = range(9)
"""The kinds of beards, rows of `paint_beards`."""


_SHARES = running_shares((0.2, 0.2, 0.1, 0.12, 0.05, 0.12, 0.09, 0.04, 0.08))

_MARKS = ((21, 20, 19, 18, 17), (22, 23, 24, 25, 26))
"""Landmarks of a brow from its inner end outwards: the right one, the left one."""

_KNOTS = (0.0, 0.27, 0.5, 0.72, 1.0)
_DROP = 1.5
"""Texels of an atlas of 512 by which a brow's middle lies below its landmarks."""

_STEPS = 64


@dataclass(frozen=True)
class BeardStyle:
    """A beard as painted on the skin.

    Attributes:
        kind: row of `paint_beards`.
        density: share of the skin that is hair where it grows best; above 1, all of it is.
        long: whether hairs can be told apart from dots.
    """

    kind: int
    density: float
    long: bool


def draw_beard_style(rng: np.random.Generator) -> BeardStyle:
    """Stubble in every third, else one of the kinds."""
    if rng.random() < 0.35:
        return BeardStyle(int(rng.integers(0, 3)), float(rng.uniform(0.2, 0.75)), False)
    return BeardStyle(pick(rng, _SHARES), float(rng.uniform(0.55, 1.15)), True)


@dataclass(frozen=True)
class _Face:
    """Points (n,3) relative to the landmarks: across |x|, along the side as in _CHEEK, up from the
    corners of the mouth, depth, texels above the lower end of a beard; all (n,)."""

    across: Array
    side: Array
    up: Array
    depth: Array
    over: Array

    @classmethod
    def of(cls, points: Array, marks: Array, flat: Array, flat_marks: Array) -> _Face:
        corner = (marks[48] * [-1, 1, 1] + marks[54]) / 2
        side = (points[:, 2] - _EAR_Z) / (corner[2] - _EAR_Z)
        column, row = flat.T
        jaw = flat_marks[:17]
        middle = np.abs(column - jaw[8, 0]) / (jaw[16, 0] - jaw[8, 0])
        below = np.interp(column, jaw[:, 0], jaw[:, 1]) + np.interp(middle, *_THROAT)
        across, up = np.abs(points[:, 0]), points[:, 1] - corner[1]
        return cls(across, side, up, points[:, 2], below - row)


def paint_beards(
    points: Array, marks: Array, flat: Array, flat_marks: Array
) -> NDArray[np.float32]:
    """Masks (9,n) in [0,1] of the kinds of beards.

    Args:
        points: (n,3) on the mean head, mm; marks: (68,3) its landmarks `ibug68`.
        flat: (n,2) columns and rows of an atlas of 512; flat_marks: (68,2) the landmarks there.
    """
    face = _Face.of(points, marks, flat, flat_marks)
    uneven = value_noise(np.ascontiguousarray(points, np.float32), 9, 130)
    under = sigmoid((face.over + 2 * uneven) / 4) * sigmoid((face.depth - _BEHIND_Z) / 2.5)
    high, low = (_below_cheeks(face, shift, uneven) * under for shift in (0.0, -0.9))
    upper = _moustache(face, marks, 1.0, uneven)
    thin = _moustache(face, marks, 0.55, uneven)
    front = sigmoid((face.depth + 2) / 3)
    middle = under * front * sigmoid((25 - face.across + uneven) / 2.5)
    middle = middle * sigmoid((-5 - face.up) / 4)
    chin_only = under * front * sigmoid((17 - face.across + uneven) / 3)
    chin_only = chin_only * sigmoid((-22 - face.up) / 3)
    patch = sigmoid((6 - face.across) / 1.5) * sigmoid((-13 - face.up) / 2) * under
    # Little grows below the corners of the mouth, beside the middle of the lower lip.
    bare = np.exp(-(((face.across - 15) / 6) ** 2) - ((face.up + 17) / 5.5) ** 2)
    thick = 1 - 0.55 * bare
    strap = low * sigmoid((face.up * -1 - 14 - 0.25 * (60 - face.across)) / 4)
    kinds = [
        np.maximum(high, upper) * thick, np.maximum(low, upper) * thick,
        np.maximum(high * (0.45 + 0.4 * sigmoid((40 - face.across) / 6)), 0.85 * upper) * thick,
        upper, thin, np.maximum(middle * thick, upper), np.maximum(middle * thick, patch),
        strap, np.maximum(chin_only, patch),
    ]  # fmt: skip
    return (np.stack(kinds) * _beside_lips(flat, flat_marks)).astype(np.float32)


def _beside_lips(flat: Array, marks: Array) -> Array:
    """0 on the lips, which lie in an ellipse of the atlas, 1 round about."""
    low, high = marks[48:60].min(0), marks[48:60].max(0)
    far = np.linalg.norm((flat - (low + high) / 2) / ((high - low) / 2), axis=1)
    return sigmoid((far - 1.02) / 0.025)


def _below_cheeks(face: _Face, shift: float, uneven: Array) -> Array:
    """1 below the line from the ear to the mouth, that lies higher by `shift` times its spread."""
    height = _CHEEK[:, 1] + shift * _CHEEK[:, 2]
    line = np.interp(face.side, _CHEEK[:, 0], height) + 2.0 * uneven
    return sigmoid((line - face.up) / 2.6)


def _moustache(face: _Face, marks: Array, size: float, uneven: Array) -> Array:
    """Between nose and lip, down to the corners."""
    corner = (marks[48, 1] + marks[54, 1]) / 2
    top = (marks[33, 1] - corner) - 4 - (1 - size) * 6
    top = top - 0.011 * face.across**2 + 0.8 * uneven
    reach = 24 + 9 * size
    below = sigmoid((face.up + 4 + 9 * (size - 0.5)) / 2)
    front = sigmoid((face.depth - 2) / 3)
    return sigmoid((top - face.up) / 1.8) * sigmoid((reach - face.across) / 2.2) * below * front


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
    old, dense = max(age - 45, 0) / 40, min(max(rng.normal(0.75 + 0.12 * sex, 0.2), 0.2), 1.0)
    return BrowStyle(
        half=min(max(rng.normal(5.2 + 0.9 * sex, 0.9), 2.8), 7.8),
        tail=float(rng.uniform(0.3, 0.55)),
        arch=float(rng.normal(0.6 - 0.8 * sex, 0.9)),
        lift=float(rng.normal(0, 1.0)),
        start=float(rng.normal(0.02, 0.04)),
        stop=float(rng.normal(1.0, 0.07)),
        hairs=int((170 + 220 * dense) * (1 - 0.35 * old)),
        strength=min(max(rng.normal(0.88 + 0.05 * sex, 0.1), 0.45), 0.98),
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
