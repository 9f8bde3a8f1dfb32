"""The eyeball: a sphere with the cornea's bulge, its rings on the edges of pupil and iris."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .hm08 import Array, Index
from .piece import Piece, grid_quads, round_square

PUPIL_RADIUS, IRIS_RADIUS = 2.2, 6.0  # mm from the eye's axis
FRONT, BACK = 0, 1  # charts
_CORNEA_CURVATURE = 7.9  # mm, radius
_IRIS_RINGS = (3.4, 4.7)  # mm from the axis, between the edges of pupil and iris
_LIMBUS_RINGS = (6.8, 8.4)  # mm from the axis, just outside the iris
_FRONT_ANGLES = (46.0, 60.0, 75.0)  # degrees from the axis
_BACK_ANGLES = (107.0, 128.0)
_CELLS = 8  # the poles are closed by grids of 8 x 8 cells, whose rims have 32 vertices


@dataclass(frozen=True)
class Eyeball:
    """One eyeball of V vertices; chart FRONT is its front hemisphere and BACK the other one.

    pupil, iris, cornea, sclera: (V,) bool. The edge of the pupil belongs to pupil and iris, the
    limbus to iris, cornea and sclera; the cornea covers pupil and iris.
    """

    piece: Piece
    pupil: NDArray[np.bool_]
    iris: NDArray[np.bool_]
    cornea: NDArray[np.bool_]
    sclera: NDArray[np.bool_]


def build_eyeball(centre: Array, radius: float) -> Eyeball:
    """An eyeball that looks along +z.

    Args:
        centre: (3,) mm, of its sphere.
        radius: of the sphere, mm; only the cornea stands out of it.

    Returns:
        The eyeball, its vertices ordered from the pole in front to the pole behind.
    """
    offsets, rings = _offsets(radius)
    distance = np.hypot(offsets[:, 0], offsets[:, 1])
    in_front = offsets[:, 2] > 0
    edge = 1e-6
    quads, chart = _quads(rings)
    uv, uv_quads = _charts(offsets, quads, chart)
    return Eyeball(
        Piece(offsets + centre, quads, uv, uv_quads, chart),
        pupil=in_front & (distance < PUPIL_RADIUS + edge),
        iris=in_front & (distance > PUPIL_RADIUS - edge) & (distance < IRIS_RADIUS + edge),
        cornea=in_front & (distance < IRIS_RADIUS + edge),
        sclera=~in_front | (distance > IRIS_RADIUS - edge),
    )


def _offsets(radius: float) -> tuple[Array, int]:
    """Vertices (V,3) about the centre, and how many rings follow the front pole's grid."""
    disc, rim = _disc()
    turns = disc[rim]
    middle = np.sqrt(radius**2 - IRIS_RADIUS**2)  # of the limbus' plane, from the centre
    apart = np.sqrt(_CORNEA_CURVATURE**2 - IRIS_RADIUS**2)

    def on_cornea(flat: Array) -> Array:
        height = np.sqrt(_CORNEA_CURVATURE**2 - (flat**2).sum(1)) - apart + middle
        return np.column_stack([flat, height])

    def on_sphere(flat: Array, side: float = 1.0) -> Array:
        return np.column_stack([flat, side * np.sqrt(radius**2 - (flat**2).sum(1))])

    angles = np.radians([*_FRONT_ANGLES, 90.0, *_BACK_ANGLES])
    heights = [np.full((len(rim), 1), np.cos(a)) for a in angles]
    rings = [
        *(on_cornea(r * turns) for r in (*_IRIS_RINGS, IRIS_RADIUS)),
        *(on_sphere(r * turns) for r in _LIMBUS_RINGS),
        *(radius * np.hstack([np.sin(a) * turns, h]) for a, h in zip(angles, heights, strict=True)),
    ]
    inside = np.delete(np.arange(len(disc)), rim)
    behind = on_sphere(disc[inside] * radius * np.sin(angles[-1]), side=-1.0)
    return np.concatenate([on_cornea(PUPIL_RADIUS * disc), *rings, behind]), len(rings)


def _disc() -> tuple[Array, Index]:
    """A grid pressed into the unit disc (N,2), and the vertices of its rim, counter-clockwise."""
    side = np.linspace(-1, 1, _CELLS + 1)
    square = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    table = _grid_table()
    rim = np.concatenate([table[:-1, 0], table[-1, :-1], table[:0:-1, -1], table[0, :0:-1]])
    return round_square(square, 1.0), rim


def _grid_table() -> Index:
    return np.arange((_CELLS + 1) ** 2).reshape(_CELLS + 1, -1)


def _quads(rings: int) -> tuple[Index, Index]:
    """Quads (F,4) and their charts (F,)."""
    disc, rim = _disc()
    count, round_ = len(disc), len(rim)
    loops = np.concatenate([rim, count + np.arange(rings * round_)]).reshape(-1, round_)
    near, far = loops[:-1], loops[1:]
    bands = np.stack([near, far, np.roll(far, -1, 1), np.roll(near, -1, 1)], -1).reshape(-1, 4)
    pole = np.empty(count, np.int64)
    pole[rim] = loops[-1]
    inside = np.delete(np.arange(count), rim)
    pole[inside] = loops[-1, -1] + 1 + np.arange(len(inside))
    back_pole = grid_quads(pole[_grid_table()])[:, ::-1]
    quads = np.concatenate([grid_quads(_grid_table()), bands, back_pole])
    behind = len(_BACK_ANGLES) * round_ + len(back_pole)
    return quads, np.repeat([FRONT, BACK], [len(quads) - behind, behind])


def _charts(offsets: Array, quads: Index, chart: Index) -> tuple[Array, Index]:
    """Azimuthal equidistant maps of both hemispheres as seen from outside, rim on the circle."""
    flat = offsets[:, :2]
    radius = np.linalg.norm(flat, axis=1)
    uv, uv_quads, count = [], np.empty_like(quads), 0
    for number, side in ((FRONT, 1.0), (BACK, -1.0)):
        mask = chart == number
        used, local = np.unique(quads[mask], return_inverse=True)
        angle = np.arctan2(radius[used], side * offsets[used, 2])
        unit = flat[used] / np.maximum(radius[used], 1e-9)[:, None]
        uv.append(0.5 + unit * [side, 1.0] * (angle / np.pi)[:, None])
        uv_quads[mask] = local.reshape(-1, 4) + count
        count += len(used)
    return np.concatenate(uv), uv_quads
