"""Rows of teeth: crowns set side by side along an arch.

An arch is half an ellipse that the contact points of a row of teeth lie on. A crown is described
over u (-1 at the midline side, mesial, to 1, distal), v (-1 at the tongue to 1 at the lips) and the
height h (0 at the gum's margin, 1 at the biting edge).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .hm08 import Array
from .piece import Piece, grid_quads, join, round_square
from .tooth_forms import Tooth

_SAMPLES = 2001

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
    crowns = [_crown(row, number) for number in range(count)]
    cells = [crown.uv * [1 / count, 0.5] + [k / count, 0.5] for k, crown in enumerate(crowns)]
    return join([replace(crown, uv=uv) for crown, uv in zip(crowns, cells, strict=True)])


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
