"""Soft masks of the face's coloured features on the mean head at its finest level.

Among them is where hair grows: brows, lashes, beard and scalp.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import cKDTree

from ..layout import CAVITY, FACE, MOUTH, SKIN
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

_LIPS_MEET = 4.5  # the last loop about the mouth at which closed lips touch
_SMOOTHING_ROUNDS = 6


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


@dataclass(frozen=True)
class SkinMasks:
    """Masks (V,) in 0..1, all symmetric; `brows` and `scalp` say where the vertices lie by these.

    Attributes:
        skin: 1 on skin; the rest are 0 off it.
        cheeks, nose, chin, forehead: where blood and melanin differ.
        sockets: below the eyes; upper_lids: above them; rims: the margins of the lids;
            caruncles: at the inner ends of them.
        lips; lower_lip: of the lips; ears.
        beard, upper_lashes, lower_lashes: where hair grows.
        nostrils, mouth_slit, mouth_corners, ear_canals: hollows that stay dark in any light.
    """

    skin: Array
    cheeks: Array
    nose: Array
    chin: Array
    forehead: Array
    sockets: Array
    upper_lids: Array
    rims: Array
    caruncles: Array
    lips: Array
    lower_lip: Array
    ears: Array
    beard: Array
    upper_lashes: Array
    lower_lashes: Array
    nostrils: Array
    mouth_slit: Array
    mouth_corners: Array
    ear_canals: Array
    brows: Brows
    scalp: Scalp


def paint_masks(surface: Surface, open_sky: Array) -> SkinMasks:
    """All masks; `open_sky` (V,) is the ambient occlusion, 1 in the open."""
    skin = np.isin(surface.tag, (FACE, SKIN)).astype(np.float64)
    lips, ears = surface.masks["lips"], surface.masks["ears"]
    fields = _face_fields(surface) | _hollows(surface, open_sky)
    fields["upper_lashes"], fields["lower_lashes"] = paint_lashes(surface)
    corners = surface.points[surface.landmarks[[39, 42]]]
    fields["caruncles"] = _total(blob(surface.points, corner, 1.5) for corner in corners)
    fields["rims"] = sigmoid((LID_EDGE - 1 - loops(surface, CAVITY)) / 0.6)
    fields["beard"] = paint_beard(surface)
    slit = surface.points[surface.landmarks[62], 1]
    fields["lips"], fields["ears"] = lips, ears
    fields["lower_lip"] = lips * sigmoid((slit - surface.points[:, 1]) / 0.7)
    whole = {name: (field + field[surface.mirror]) / 2 * skin for name, field in fields.items()}
    return SkinMasks(skin=skin, brows=find_brows(surface), scalp=find_scalp(surface), **whole)


def _face_fields(surface: Surface) -> dict[str, Array]:
    """Soft patches about landmarks and eyes."""
    points, marks = surface.points, surface.points[surface.landmarks]
    left, right = surface.eye_centre("left"), surface.eye_centre("right")

    def pair(offset: tuple[float, float, float], radius: float, axes: list[float]) -> Array:
        return _total(
            blob(points, c + np.array(offset) * [np.sign(c[0]), 1, 1], radius, axes)
            for c in (left, right)
        )

    wings = _total(blob(points, marks[i] + [0, 8, -2], 8) for i in (31, 35))
    middles = np.stack([(marks[54] + left) / 2, (marks[48] + right) / 2])
    outward = np.array([[11.0, -1, 0], [-11.0, -1, 0]])
    return {
        "cheeks": _total(blob(points, centre, 17) for centre in middles + outward),
        "nose": np.clip(blob(points, marks[30], 12) + 0.7 * wings, 0, 1),
        "chin": blob(points, marks[8] + [0, 17, 5], 13),
        "forehead": blob(points, [0, 50, 15], 32),
        "sockets": pair((-5, -12, 12), 9, [0.55, 1.25, 0.8]),
        "upper_lids": pair((0, 9, 12), 9, [0.6, 1.3, 0.8]),
    }


def _hollows(surface: Surface, open_sky: Array) -> dict[str, Array]:
    points, marks = surface.points, surface.points[surface.landmarks]
    nostrils = sigmoid((0.74 - _smoothed(surface, open_sky)) / 0.035)
    nostrils *= np.clip(_total(blob(points, marks[i] + [0, 4, 3], 7) for i in (31, 35)) * 1.6, 0, 1)
    return {
        "nostrils": nostrils,
        "mouth_slit": sigmoid((_LIPS_MEET - loops(surface, MOUTH)) / 0.7),
        "mouth_corners": _total(blob(points, marks[i], 2.2) for i in (48, 54)),
        "ear_canals": surface.masks["ears"] * sigmoid((0.33 - open_sky) / 0.06),
    }


def _smoothed(surface: Surface, field: Array) -> Array:
    """A field (V,) averaged with its neighbours, some times over."""
    corners = np.roll(surface.quads, -1, 1).ravel(), surface.quads.ravel()
    count = len(field)
    near = sparse.coo_matrix((np.ones(len(corners[0])), corners), shape=(count, count)).tocsr()
    near = near + near.T + sparse.identity(count)
    weights = np.asarray(near.sum(1)).ravel()
    for _ in range(_SMOOTHING_ROUNDS):
        field = near @ field / weights
    return field


def _total(fields: Iterable[Array]) -> Array:
    return np.stack(list(fields)).sum(0)


def blob(
    points: Array, centre: Array | list[float], radius: float, axes: list[float] | None = None
) -> Array:
    """Gaussian (V,) about `centre`, narrower by the factors `axes`."""
    scale = np.ones(3) if axes is None else np.asarray(axes)
    return np.exp(-0.5 * (((points - np.asarray(centre)) * scale) ** 2).sum(1) / radius**2)
