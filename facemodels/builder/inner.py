"""The inner parts of the head, made by rule: eyeballs, teeth, gums with palate, and tongue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..layout import EYE, LOWER_GUMS, LOWER_TEETH, TONGUE, UPPER_GUMS, UPPER_TEETH
from .eyeball import build_eyeball
from .gums import Vault, build_gums, build_tongue
from .hm08 import Array, Index
from .piece import Piece, join
from .teeth import Arch, Row, build_half_row
from .tooth_forms import LOWER, UPPER

CARRIERS = ("left-eye", "right-eye", "upper-jaw", "lower-jaw", "tongue-tip")
LEFT_EYE, RIGHT_EYE, UPPER_JAW, LOWER_JAW, TONGUE_TIP = range(5)
ISLANDS = (
    "left-eye-front",
    "left-eye-back",
    "right-eye-front",
    "right-eye-back",
    "upper-teeth",
    "lower-teeth",
    "upper-gums",
    "lower-gums",
    "tongue-upper",
    "tongue-under",
)
ISLAND_ASPECTS = (1.0, 1.0, 1.0, 1.0, 3.5, 3.5, 4.0, 4.0, 0.8, 0.8)  # width over height
_UPPER_ROW = Row(UPPER, Arch(25.0, 48.0, -1.5), 0.0, 1.0)
_LOWER_ROW = Row(LOWER, Arch(23.4, 46.0, -4.0), 1.7, -1.0)
_PALATE = Vault((-15.0, -26.0, -40.0, -58.0), (13.5, 20.0, 21.0, 17.0), 9.0)
_FLOOR = Vault((-14.0, -24.0, -40.0, -56.0), (-13.0, -15.0, -16.0, -17.0), 6.0)


@dataclass(frozen=True)
class InnerAnchors:
    """Where the inner parts sit in the mean head, model space, mm.

    The defaults are figures estimated from the mean head of ICT-FaceKit (MIT).

    Attributes:
        eye_centre: the left eyeball's centre; the right one is its mirror image.
        eye_radius: of the eyeballs' spheres.
        incisors: y and z of the upper incisors' edges, at their front.
        tilt: degrees by which the plane of occlusion rises to the back.
        size: of the teeth and the mouth over life size.
    """

    eye_centre: tuple[float, float, float] = (30.95, -0.12, -5.5)
    eye_radius: float = 15.15
    incisors: tuple[float, float] = (-71.4, 22.4)
    tilt: float = 5.0
    size: float = 1.0

    def axes(self) -> Array:
        """Rotation (3,3) from the axes of `teeth.Row`'s coordinates to the model's."""
        c, s = np.cos(np.radians(self.tilt)), np.sin(np.radians(self.tilt))
        return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])

    def from_bite(self, points: Array) -> Array:
        """Points (N,3) of `teeth.Row`'s coordinates in model space."""
        return self.size * points @ self.axes().T + [0.0, *self.incisors]

    def lower_incisors(self) -> Array:
        """The midpoint (3,) of the lower incisors' edges."""
        return self.from_bite(np.array([[0.0, _LOWER_ROW.level, _LOWER_ROW.arch.front]]))[0]


@dataclass(frozen=True)
class Inner:
    """The inner parts, V vertices and F quads.

    Attributes:
        points: (V,3) mm, model space, on the mean head; exactly symmetric.
        quads: (F,4), counter-clockwise seen from outside.
        part: (F,) codes of `parts`.
        mirror: (V,) the twin of each vertex on the other side.
        carriers: names of the P affine motions that move them.
        weights: (V,P) of the carriers; rows sum to 1.
        uv: (T,2) in 0..1 of the island; uv_quads (F,4); island (F,) index into ISLANDS.
        regions: masks (V,) of the eyes: pupil, iris, cornea and sclera.
    """

    points: Array
    quads: Index
    part: NDArray[np.uint8]
    mirror: Index
    carriers: tuple[str, ...]
    weights: Array
    uv: Array
    uv_quads: Index
    island: Index
    regions: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class _Group:
    """A symmetric piece, placed, with its mirror map and weights (V,P) of the carriers."""

    piece: Piece
    mirror: Index
    part: int
    island: Index
    weights: Array


def build_inner(anchors: InnerAnchors | None = None) -> Inner:
    """Make the inner parts for a mean head, the default one when `anchors` is None."""
    place = anchors or InnerAnchors()
    groups = [
        _eyes(place),
        _teeth(_UPPER_ROW, place, UPPER_TEETH, UPPER_JAW),
        _teeth(_LOWER_ROW, place, LOWER_TEETH, LOWER_JAW),
        _gums(_UPPER_ROW, _PALATE, place, UPPER_GUMS, UPPER_JAW),
        _gums(_LOWER_ROW, _FLOOR, place, LOWER_GUMS, LOWER_JAW),
        _tongue(place),
    ]
    whole = join([g.piece for g in groups])
    starts = np.cumsum([0] + [len(g.piece.points) for g in groups])
    return Inner(
        points=whole.points,
        quads=whole.quads,
        part=np.concatenate([np.full(len(g.island), g.part, np.uint8) for g in groups]),
        mirror=np.concatenate([g.mirror + s for g, s in zip(groups, starts, strict=False)]),
        carriers=CARRIERS,
        weights=np.concatenate([g.weights for g in groups]),
        uv=whole.uv,
        uv_quads=whole.uv_quads,
        island=np.concatenate([g.island for g in groups]),
        regions=_eye_regions(place, len(whole.points)),
    )


def _eyes(place: InnerAnchors) -> _Group:
    left = build_eyeball(np.array(place.eye_centre), place.eye_radius).piece
    both, mirror = _both_sides(left)
    sides = np.repeat([LEFT_EYE, RIGHT_EYE], len(left.points))
    island = both.chart + np.repeat([0, 2], len(left.quads))
    return _Group(both, mirror, EYE, island, np.eye(len(CARRIERS))[sides])


def _eye_regions(place: InnerAnchors, count: int) -> dict[str, NDArray[np.bool_]]:
    ball = build_eyeball(np.array(place.eye_centre), place.eye_radius)
    regions = {}
    for name in ("pupil", "iris", "cornea", "sclera"):
        mask = np.tile(getattr(ball, name), 2)
        regions[name] = np.concatenate([mask, np.zeros(count - len(mask), bool)])
    return regions


def _teeth(row: Row, place: InnerAnchors, part: int, carrier: int) -> _Group:
    both, mirror = _both_sides(build_half_row(row))
    right = np.arange(len(both.uv)) >= len(both.uv) // 2
    both = replace(both, uv=both.uv - np.outer(right, [0.0, 0.5]))
    island = np.full(len(both.quads), ISLANDS.index("upper-teeth") + part - UPPER_TEETH)
    return _Group(_placed(both, place), mirror, part, island, _follow(carrier, len(mirror)))


def _gums(row: Row, vault: Vault, place: InnerAnchors, part: int, carrier: int) -> _Group:
    piece, mirror = build_gums(row, vault)
    island = np.full(len(piece.quads), ISLANDS.index("upper-gums") + part - UPPER_GUMS)
    return _Group(_placed(piece, place), mirror, part, island, _follow(carrier, len(mirror)))


def _tongue(place: InnerAnchors) -> _Group:
    piece, mirror, tip = build_tongue()
    weights = np.zeros((len(tip), len(CARRIERS)))
    weights[:, LOWER_JAW], weights[:, TONGUE_TIP] = 1 - tip, tip
    island = piece.chart + ISLANDS.index("tongue-upper")
    return _Group(_placed(piece, place), mirror, TONGUE, island, weights)


def _both_sides(left: Piece) -> tuple[Piece, Index]:
    """A piece and its mirror image, and the mirror map of the two."""
    n = len(left.points)
    return join([left, left.reflected()]), np.roll(np.arange(2 * n), n)


def _placed(piece: Piece, place: InnerAnchors) -> Piece:
    return replace(piece, points=place.from_bite(piece.points))


def _follow(carrier: int, count: int) -> Array:
    return np.tile(np.eye(len(CARRIERS))[carrier], (count, 1))
