"""Where hair grows on the mean head: brows, lashes, beard and scalp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import cKDTree

from ..parts import CAVITY, FACE, SKIN
from .hm08 import Array
from .openings import FAR, LID_EDGE, loops
from .surface import Surface

_BROW_MARKS = {1: (22, 23, 24, 25, 26), -1: (21, 20, 19, 18, 17)}  # from the inner end outwards
_BROW_KNOTS = (0.0, 0.27, 0.5, 0.72, 1.0)
_BROW_DROP = 1.2  # mm, of a brow's middle below the landmarks
# The hairline: degrees about the skull's axis from the front, and how high it is there, mm.
_SKULL_AXIS = -65.0  # z
_HAIRLINE = (
    (0, 72),
    (14, 74),
    (27, 75),
    (36, 66),
    (46, 47),
    (56, 31),
    (64, 22),
    (73, 14),
    (79, -8),
    (84, -16),
    (95, 0),
    (108, -10),
    (122, -34),
    (138, -66),
    (160, -82),
    (180, -86),
)
_UNEVEN = 3.0  # mm, of the hairline


@dataclass(frozen=True)
class Brows:
    """Where the vertices lie by the brows: along (V,) 0..1 from the inner end, above (V,) and
    beyond (V,) mm off their middle lines, upwards and past the ends."""

    along: Array
    above: Array
    beyond: Array

    def density(self, lift: float = 0.0, width: float = 3.9) -> Array:
        """Share (V,) of the skin that hair covers.

        Args:
            lift: mm by which the brows are higher.
            width: half the height of the brows, mm, near their inner ends.
        """
        distance = np.hypot(self.above - lift, self.beyond)
        taper = width * (1.05 - 0.52 * self.along**1.6)
        ends = (1 - 0.45 * np.exp(-self.along / 0.10)) * (1 - 0.5 * self.along**3)
        return np.exp(-(np.abs(distance / taper) ** 2.6)) * ends


def find_brows(surface: Surface) -> Brows:
    """Along the landmarks 17 to 26."""
    sides = [_beside_brow(surface, marks) for marks in _BROW_MARKS.values()]
    left = surface.points[:, 0] > 0
    return Brows(*(np.where(left, a, b) for a, b in zip(*sides, strict=True)))


def _beside_brow(surface: Surface, marks: tuple[int, ...]) -> tuple[Array, Array, Array]:
    knots = surface.points[surface.landmarks[list(marks)]] - [0, _BROW_DROP, 0]
    spline = CubicSpline(_BROW_KNOTS, knots)
    along = np.linspace(0, 1, 81)
    curve, tangent = spline(along), spline(along, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    distance, nearest = cKDTree(curve).query(surface.points)
    away = surface.points - curve[nearest]
    past = (away * tangent[nearest]).sum(1)
    beyond = np.where((nearest == 0) | (nearest == len(along) - 1), past, 0.0)
    above = np.sqrt(np.maximum(distance**2 - beyond**2, 0)) * np.sign(away[:, 1])
    return along[nearest], above, beyond


def paint_lashes(surface: Surface) -> tuple[Array, Array]:
    """Lines along the front edges of the upper and of the lower lids, each (V,)."""
    points, loop = surface.points, loops(surface, CAVITY)
    upper, lower = np.zeros(len(points)), np.zeros(len(points))
    for sign in (1.0, -1.0):
        side = (points[:, 0] * sign > 0) & (loop < FAR)
        edge = points[side & (loop == 0)]
        inner, outer = (edge[i] for i in (np.abs(edge[:, 0]).argmin(), np.abs(edge[:, 0]).argmax()))
        part = (points[:, 0] - inner[0]) / (outer[0] - inner[0])
        over = points[:, 1] > inner[1] + part * (outer[1] - inner[1])
        strength = np.clip(0.2 + 1.8 * part, 0, 1) * side
        upper += strength * over * np.exp(-(((loop - LID_EDGE) / 1.6) ** 2))
        lower += strength * ~over * np.exp(-(((loop - LID_EDGE) / 1.1) ** 2))
    return upper, lower


def paint_beard(surface: Surface) -> Array:
    """Where a beard grows (V,): jaw, chin, round the mouth and up to the ears."""
    points, marks = surface.points, surface.points[surface.landmarks]
    x, y, z = points.T
    moustache = points - (marks[33] + marks[51]) / 2
    moustache = np.exp(-(((moustache / [25, 6.8, 22]) ** 2).sum(1) ** 1.6))
    edge = marks[48, 1] - 4 + 1.02 * np.clip(np.abs(x) - 36, 0, 31)
    jaw = sigmoid((edge - y) / 4) * sigmoid((z + 66) / 4)
    throat = sigmoid((y - (marks[8, 1] - 8 + 0.2 * (z - marks[8, 2]))) / 6)
    below_lip = 1 - 0.45 * np.exp(-(((points - marks[57] + [0, 5, 0]) / [13, 4, 12]) ** 2).sum(1))
    beard = np.clip(jaw * throat * below_lip + moustache, 0, 1)
    return beard * (1 - surface.masks["lips"]) * (1 - surface.masks["ears"])


@dataclass(frozen=True)
class Scalp:
    """How far above the hairline the vertices are: above (V,) mm, and the line's softness (V,)
    mm; skin (V,) is 1 where hair can grow."""

    above: Array
    softness: Array
    skin: Array

    def cover(self, hairline: float = 0.0) -> Array:
        """Where hair grows (V,), with the hairline higher by mm."""
        return sigmoid((self.above - hairline) / self.softness) * self.skin


def find_scalp(surface: Surface) -> Scalp:
    """The hair of the head, with temples, sideburns and nape."""
    x, y, z = surface.points.T
    turn = np.degrees(np.arctan2(np.abs(x), z - _SKULL_AXIS))
    line = PchipInterpolator(*np.array(_HAIRLINE, float).T)(turn)
    line += _UNEVEN * np.sin(0.21 * np.abs(x) + 0.13 * z) * np.cos(0.17 * z + 0.11 * y)
    softness = np.interp(turn, [0, 60, 120, 180], [5.0, 5.0, 6.0, 8.0])
    skin = np.isin(surface.tag, (FACE, SKIN)) * (1 - surface.masks["ears"])
    return Scalp(y - line, softness, skin)


def sigmoid(x: NDArray) -> Array:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
