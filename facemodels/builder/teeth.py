"""Rows of teeth: crowns set side by side along an arch.

An arch is half an ellipse that the contact points of a row of teeth lie on. The shapes of the 14
teeth of half a mouth have the sizes of a life-size adult's crowns and their profiles; a crown is
described over u (-1 at the midline side, mesial, to 1, distal), v (-1 at the tongue to 1 at the
lips) and the height h (0 at the gum's margin, 1 at the biting edge).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hm08 import Array
from .piece import Piece, grid_quads, join, round_square

_SAMPLES = 2001

STATIONS = (-0.15, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0)  # heights at which the profiles are given

_EDGE = ((0.50, 0.22, 0.12, 0.25, 0.95), (0.30, 0.05, 0.0, 0.12, 0.75), (0.6, 0.35, 0.3, 0.4, 1.0))
_ROUND_EDGE = (
    (0.85, 0.35, 0.15, 0.50, 1.40),
    (0.65, 0.18, 0.0, 0.32, 1.20),
    (0.90, 0.45, 0.3, 0.60, 1.40),
)
_FLAT_EDGE = (
    (0.50, 0.30, 0.22, 0.30, 0.55),
    (0.25, 0.05, 0.0, 0.05, 0.35),
    (0.45, 0.22, 0.15, 0.22, 0.50),
)
_POINT = (
    (1.70, 0.80, 0.18, 1.10, 2.20),
    (1.60, 0.62, 0.0, 0.95, 2.10),
    (1.90, 1.10, 0.6, 1.30, 2.30),
)
_TWO_CUSPS = (
    (1.50, 0.70, 0.0, 0.75, 1.60),
    (1.25, 1.45, 1.6, 1.45, 1.25),
    (1.90, 1.30, 0.8, 1.30, 1.90),
)
_LOW_INNER_CUSP = (
    (1.40, 0.65, 0.0, 0.70, 1.50),
    (1.40, 1.70, 1.8, 1.70, 1.45),
    (2.40, 2.00, 1.7, 2.00, 2.40),
)
_FOUR_CUSPS = (
    (1.20, 0.05, 0.75, 0.15, 1.30),
    (1.10, 1.50, 1.90, 1.50, 1.15),
    (1.40, 0.25, 1.00, 0.40, 1.60),
)

_U, _V = np.linspace(-1, 1, 5), np.linspace(-1, 1, 3)  # of the biting surface's grid
_FRONT_RINGS = (0.88, 0.62, 0.28, -0.12)  # heights of the rings below it: incisors, canines
_BACK_RINGS = (0.78, 0.42, -0.12)
_GAP = 0.12  # mm between neighbours' contact points
_FRONT_TEETH = 3  # of each half row


@dataclass(frozen=True)
class Arch:
    """In the plane of occlusion, mm: x to the subject's left, z to the front.

    Attributes:
        half_width: the ellipse's half axis across.
        depth: its half axis along z, from the incisors' contact point backwards.
        front: z of that contact point.
    """

    half_width: float
    depth: float
    front: float

    def frame(self, along: float) -> tuple[Array, Array, Array]:
        """Point, backward tangent and outward normal, each (x, z), on the left half.

        Args:
            along: arc length from the midline, mm; beyond the ellipse the arch runs straight on.
        """
        turn = np.linspace(0, np.pi / 2, _SAMPLES)
        x, z = self.half_width * np.sin(turn), self.front - self.depth * (1 - np.cos(turn))
        length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
        here = np.interp(along, length, turn)
        point = np.array([np.interp(along, length, x), np.interp(along, length, z)])
        tangent = np.array([self.half_width * np.cos(here), -self.depth * np.sin(here)])
        tangent /= np.linalg.norm(tangent)
        point = point + tangent * max(along - length[-1], 0.0)
        return point, tangent, np.array([-tangent[1], tangent[0]])


@dataclass(frozen=True)
class Form:
    """Profiles of a kind of tooth.

    facial, lingual: distance of the surface from the contact line over half the depth, at the
    STATIONS; side: half the width at the STATIONS over the widest; roundness: of the cross
    section at the STATIONS, 0 square and 1 elliptic.
    """

    facial: tuple[float, ...]
    lingual: tuple[float, ...]
    side: tuple[float, ...]
    roundness: tuple[float, ...]


@dataclass(frozen=True)
class Tooth:
    """One tooth, mm.

    width along the arch, height of the crown, depth across; edge: how far the biting edge stays
    short of the plane of occlusion; lean: degrees by which the crown's edge leans to the lips; tip:
    degrees by which it leans to the midline; relief (3,5): how far the biting surface lies below
    its highest level at v = 1, 0, -1 and u = -1, -0.5, 0, 0.5, 1.
    """

    form: Form
    width: float
    height: float
    depth: float
    edge: float
    lean: float
    tip: float
    relief: tuple[tuple[float, ...], ...]

    def profile(self, heights: Array) -> tuple[Array, Array, Array, Array]:
        """Half width, facial and lingual distance (mm) and roundness at heights (N,)."""
        form = self.form
        side, facial, lingual, roundness = (
            np.interp(heights, STATIONS, values)
            for values in (form.side, form.facial, form.lingual, form.roundness)
        )
        return side * self.width / 2, facial * self.depth / 2, lingual * self.depth / 2, roundness


_INCISOR = Form(
    (0.45, 0.62, 0.74, 0.71, 0.58, 0.45, 0.27),
    (-1.15, -1.26, -1.04, -0.52, -0.20, -0.10, -0.04),
    (0.72, 0.80, 0.89, 0.95, 0.99, 1.00, 0.95),
    (1.0, 1.0, 0.9, 0.75, 0.55, 0.45, 0.40),
)


_LOWER_INCISOR = Form(
    (0.45, 0.60, 0.70, 0.66, 0.54, 0.42, 0.26),
    (-1.15, -1.22, -1.00, -0.52, -0.24, -0.14, -0.06),
    (0.68, 0.75, 0.84, 0.91, 0.97, 1.00, 0.97),
    (1.0, 1.0, 0.9, 0.75, 0.55, 0.40, 0.35),
)


_CANINE = Form(
    (0.58, 0.76, 0.92, 0.92, 0.76, 0.55, 0.32),
    (-0.95, -1.05, -0.95, -0.62, -0.30, -0.15, -0.05),
    (0.70, 0.77, 0.88, 0.97, 1.00, 0.91, 0.70),
    (1.0, 1.0, 0.95, 0.9, 0.85, 0.8, 0.8),
)


_PREMOLAR = Form(
    (0.75, 0.90, 1.00, 0.98, 0.84, 0.66, 0.50),
    (-0.72, -0.85, -0.97, -1.00, -0.86, -0.68, -0.50),
    (0.72, 0.79, 0.89, 0.97, 1.00, 0.94, 0.82),
    (1.0, 0.9, 0.85, 0.8, 0.75, 0.7, 0.7),
)


_MOLAR = Form(
    (0.80, 0.91, 1.00, 0.98, 0.86, 0.70, 0.58),
    (-0.78, -0.90, -0.98, -1.00, -0.88, -0.71, -0.58),
    (0.80, 0.87, 0.94, 0.99, 1.00, 0.94, 0.84),
    (0.85, 0.75, 0.65, 0.55, 0.5, 0.5, 0.5),
)

# From the midline backwards. Widths, heights and depths: usual means of adults, rounded.
UPPER = (
    Tooth(_INCISOR, 8.6, 10.8, 7.0, 0.0, 15.0, 2.0, _EDGE),
    Tooth(_INCISOR, 6.7, 9.5, 6.2, 0.6, 14.0, 4.0, _ROUND_EDGE),
    Tooth(_CANINE, 7.7, 11.0, 8.0, -0.1, 6.0, 5.0, _POINT),
    Tooth(_PREMOLAR, 7.0, 9.4, 9.0, 0.3, 0.0, 2.0, _TWO_CUSPS),
    Tooth(_PREMOLAR, 6.7, 8.9, 9.0, 0.4, -2.0, 1.0, _TWO_CUSPS),
    Tooth(_MOLAR, 10.2, 8.3, 10.8, 0.4, -4.0, 0.0, _FOUR_CUSPS),
    Tooth(_MOLAR, 9.6, 7.7, 10.6, 0.3, -6.0, 0.0, _FOUR_CUSPS),
)


LOWER = (
    Tooth(_LOWER_INCISOR, 5.3, 9.0, 6.0, 0.0, 10.0, 0.0, _FLAT_EDGE),
    Tooth(_LOWER_INCISOR, 5.8, 9.0, 6.3, 0.0, 8.0, 1.0, _FLAT_EDGE),
    Tooth(_CANINE, 6.8, 9.8, 7.6, 0.0, 2.0, 3.0, _POINT),
    Tooth(_PREMOLAR, 7.0, 8.8, 7.8, 0.7, -6.0, 2.0, _LOW_INNER_CUSP),
    Tooth(_PREMOLAR, 7.1, 8.2, 8.2, 1.0, -10.0, 1.0, _TWO_CUSPS),
    Tooth(_MOLAR, 11.0, 7.5, 10.3, 1.2, -12.0, 0.0, _FOUR_CUSPS),
    Tooth(_MOLAR, 10.4, 7.0, 10.1, 1.2, -14.0, 0.0, _FOUR_CUSPS),
)


@dataclass(frozen=True)
class Row:
    """Half a row of teeth, the subject's left one.

    Coordinates are mm about the upper incisors' edge with y normal to the plane of occlusion.

    Attributes:
        teeth: from the midline backwards.
        arch: where their contact points lie.
        level: y of the plane that the biting edges reach.
        root: +1 when roots point to +y (upper row), -1 when to -y.
    """

    teeth: tuple[Tooth, ...]
    arch: Arch
    level: float
    root: float

    def middle(self, number: int) -> float:
        """Arc length, mm, of a tooth's middle along the arch."""
        return sum(t.width for t in self.teeth[:number]) + self.teeth[number].width / 2

    def surface(self, number: int, uvh: Array) -> Array:
        """Points (N,3) of tooth `number` at crown coordinates (N,3), see `tooth_forms`."""
        tooth = self.teeth[number]
        u, v, h = uvh.T
        half, facial, lingual, roundness = tooth.profile(h)
        flat = round_square(uvh[:, :2], roundness)
        rise = (1 - h) * tooth.height
        across = np.where(flat[:, 1] > 0, facial, -lingual) * flat[:, 1]
        across -= np.tan(np.radians(tooth.lean)) * rise
        along = flat[:, 0] * (half - _GAP / 2) + np.tan(np.radians(tooth.tip)) * rise
        drop = _relief(tooth, u, v) * np.clip((h - 0.45) / 0.55, 0, None) ** 1.5
        point, tangent, normal = self.arch.frame(self.middle(number))
        place = point + along[:, None] * tangent + across[:, None] * normal
        y = self.level + self.root * (tooth.edge + rise + drop)
        return np.stack([place[:, 0], y, place[:, 1]], 1)


def _relief(tooth: Tooth, u: Array, v: Array) -> Array:
    """How far (N,) mm the biting surface lies below its highest level."""
    rows = np.stack([np.interp(u, _U, row) for row in reversed(tooth.relief)])
    low, high = np.clip(-v, 0, 1), np.clip(v, 0, 1)
    return low * rows[0] + (1 - low - high) * rows[1] + high * rows[2]


def build_half_row(row: Row) -> Piece:
    """The crowns of the left half row, open at their necks; each has a cell of the chart."""
    count = len(row.teeth)
    crowns = []
    for number in range(count):
        crown = _crown(row, number)
        uv = crown.uv * [1 / count, 0.5] + [number / count, 0.5]
        crowns.append(Piece(crown.points, crown.quads, uv, crown.uv_quads, crown.chart))
    return join(crowns)


def _crown(row: Row, number: int) -> Piece:
    """One crown: the grid of its biting surface and rings down to its neck."""
    heights = _FRONT_RINGS if number < _FRONT_TEETH else _BACK_RINGS
    table = np.arange(15).reshape(5, 3)
    square = np.stack(np.meshgrid(_U, _V, indexing="ij"), -1).reshape(-1, 2)
    rim = np.concatenate([table[:-1, 0], table[-1, :-1], table[:0:-1, -1], table[0, :0:-1]])
    loops = np.concatenate([rim, 15 + np.arange(len(heights) * len(rim))]).reshape(-1, len(rim))
    upper, lower = loops[:-1], loops[1:]
    sides = np.stack([lower, np.roll(lower, -1, 1), np.roll(upper, -1, 1), upper], -1)
    quads = np.concatenate([grid_quads(table), sides.reshape(-1, 4)])
    square = np.concatenate([square, np.tile(square[rim], (len(heights), 1))])
    h = np.concatenate([np.ones(15), np.repeat(heights, len(rim))])
    points = row.surface(number, np.column_stack([square, h]))
    uv = _chart(square, h, len(heights))
    if row.root < 0:
        quads, uv = quads[:, ::-1], uv * [-1, 1] + [1, 0]
    return Piece(points, quads, uv, quads, np.zeros(len(quads), np.int64))


def _chart(square: Array, h: Array, rings: int) -> Array:
    """Biting surface in the middle, the sides laid out around it."""
    ring = np.concatenate([np.zeros(15), np.repeat(np.arange(1, rings + 1), 12)])
    reach = 0.3 + 0.67 * ring / rings
    return 0.5 + 0.5 * reach[:, None] * round_square(square, 0.6)
