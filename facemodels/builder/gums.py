"""Gums with scalloped margins, the palate or the floor of the mouth between them, and the tongue.

The tongue is a flat rounded body with a groove along its back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .hm08 import Array, Index
from .piece import Piece, grid_quads, round_square, smooth_step
from .teeth import Row

_FINE_TEETH = 4  # of each half row, counted from the midline, with columns beside the middle
_PAPILLAE = (0.42, 0.40, 0.38, 0.34, 0.31, 0.28, 0.24, 0.12)  # heights of the gum between teeth
# Columns of a tooth: u, the part of v that they take, the margin's height, how much between teeth.
_MIDDLE = (0.0, 1.0, 0.02, 0.0)
_BESIDE = (0.8, 1.0, 0.035, 0.1)
_CORNER = (1.0, 0.72, 0.11, 0.5)
_BETWEEN_V = 0.8
_BEHIND = (3.5, 9.0)  # mm behind the last tooth, to which the gum goes on
# Rows of vertices from behind the lips over the ridge to the tongue's side: v, mm beyond the
# margin (None: all the vestibule, or half of it), mm outwards at a tooth's middle and between.
_ROWS = (
    (1.0, 1.0, None, 0.3, 0.2),
    (1.0, 0.5, None, 0.7, 0.45),
    (1.0, 0.0, 1.4, 0.6, 0.25),
    (1.0, 0.0, 0.0, 0.15, -0.1),
    (0.0, 0.0, 0.4, 0.0, 0.0),
    (-1.0, 0.0, 0.0, 0.15, -0.1),
    (-1.0, 0.0, 4.0, 0.9, 0.5),
)
_ACROSS = (0.35, 0.7)  # of the way from the last row to the middle line

UPPER, UNDER = 0, 1  # charts
_CELLS = 12
# In the coordinates of `teeth.Row`, mm, from the root to the tip.
_Z = (-58.0, -46.0, -34.0, -22.0, -14.0, -9.5)
_TOP = (-9.0, -0.5, 3.0, 2.6, 0.2, -1.2)
_BOTTOM = (-18.0, -16.0, -13.0, -9.5, -6.8, -5.6)
_HALF_WIDTH = (19.0, 19.0, 18.5, 17.0, 15.0, 14.0)
_GROOVE_DEPTH, _GROOVE_WIDTH = 1.1, 2.6


@dataclass(frozen=True)
class Vault:
    """The gums' reach, mm, in the coordinates of `Row`.

    Attributes:
        z, y: the middle line of the palate or of the mouth's floor, front to back.
        vestibule: how far the gum goes on beyond the necks behind the lips.
    """

    z: tuple[float, ...]
    y: tuple[float, ...]
    vestibule: float


@dataclass(frozen=True)
class _Column:
    """A column of vertices across the ridge.

    places: (tooth, u) to average; v: part of the way to a tooth's outermost line; margin: height
    of the gum's margin; between: 0 at a tooth's middle, 1 between two; behind: mm further back.
    """

    places: tuple[tuple[int, float], ...]
    v: float
    margin: float
    between: float
    behind: float = 0.0


def build_gums(row: Row, vault: Vault) -> tuple[Piece, Index]:
    """The gums of a whole row of teeth.

    Returns:
        The piece, symmetric, and its mirror map (V,).
    """
    columns = np.stack([_points(row, vault, column) for column in _columns(row)])
    columns[0, :, 0] = 0
    left = np.concatenate([columns, _vault_rows(columns[:, -1], vault)], 1)
    half, rows = len(left) - 1, left.shape[1] - 1
    body, seam = left[:, :-1], left[:, -1]
    body = np.concatenate([body[:0:-1] * [-1, 1, 1], body])
    table = np.arange((2 * half + 1) * rows).reshape(-1, rows)
    seam_index = table.size + np.abs(np.arange(-half, half + 1))
    mirror = np.concatenate([table[::-1].ravel(), table.size + np.arange(half + 1)])
    quads = grid_quads(np.column_stack([table, seam_index]))
    uv_table = np.arange((2 * half + 1) * (rows + 1)).reshape(-1, rows + 1)
    uv_quads, uv = grid_quads(uv_table), _chart(left)
    if row.root > 0:
        quads, uv_quads, uv = quads[:, ::-1], uv_quads[:, ::-1], uv * [1, -1] + [0, 1]
    points = np.concatenate([body.reshape(-1, 3), seam])
    return Piece(points, quads, uv, uv_quads, np.zeros(len(quads), np.int64)), mirror


def _columns(row: Row) -> list[_Column]:
    """From the midline backwards."""
    last = len(row.teeth) - 1
    columns = [_Column(((0, -1.0),), _BETWEEN_V, _PAPILLAE[0], 1.0)]
    for n in range(last + 1):
        places = [(-1, _CORNER), (-1, _BESIDE), (1, _MIDDLE), (1, _BESIDE), (1, _CORNER)]
        for side, (u, v, margin, between) in places if n < _FINE_TEETH else places[1:4]:
            columns.append(_Column(((n, side * u),), v, margin, between))
        both = ((n, 1.0), (n + 1, -1.0)) if n < last else ((n, 1.0),)
        columns.append(_Column(both, _BETWEEN_V, _PAPILLAE[n + 1], 1.0))
    return columns + [replace(columns[-1], behind=mm) for mm in _BEHIND]


def _points(row: Row, vault: Vault, column: _Column) -> Array:
    """Points (R,3) of one column from the vestibule to the tongue's side."""
    table = np.array([(v, part, -1.0 if mm is None else mm, a, b) for v, part, mm, a, b in _ROWS])
    beyond = np.where(table[:, 2] < 0, table[:, 1] * vault.vestibule, table[:, 2])
    push = table[:, 0] * (table[:, 3] * (1 - column.between) + table[:, 4] * column.between)
    start = column.margin * (table[:, 1] == 0)
    points = []
    for number, u in column.places:
        h = start - beyond / row.teeth[number].height
        uvh = np.column_stack([np.full(len(h), u), column.v * table[:, 0], h])
        _, tangent, normal = row.arch.frame(row.middle(number))
        flat = push[:, None] * normal + column.behind * tangent
        points.append(row.surface(number, uvh) + np.insert(flat, 1, 0, axis=1))
    return np.mean(points, axis=0)


def _vault_rows(start: Array, vault: Vault) -> Array:
    """Rows (C,4,3) from each column's end `start` (C,3) to the middle line, which ends them."""
    span = (start[:, 2] - start[0, 2]) / (start[-1, 2] - start[0, 2])
    z = vault.z[0] + span * (vault.z[-1] - vault.z[0])
    y = np.interp(-z, -np.array(vault.z), vault.y)
    end = np.stack([np.zeros_like(z), y, z], 1)
    across = np.array([*_ACROSS, 1.0])[None, :, None]
    rows = start[:, None] + across * (end - start)[:, None]
    rise = np.sin(across[..., 0] * np.pi / 2)
    rows[..., 1] = start[:, None, 1] + rise * (end - start)[:, None, 1]
    return rows


def _chart(left: Array) -> Array:
    """Columns along u by their mean distance, rows along v likewise."""
    along = np.linalg.norm(np.diff(left, axis=0), axis=2)[:, : len(_ROWS)].mean(1)
    across = np.linalg.norm(np.diff(left, axis=1), axis=2).mean(0)
    u, v = (np.concatenate([[0], np.cumsum(d)]) / d.sum() for d in (along, across))
    u = np.concatenate([0.5 - u[:0:-1] / 2, 0.5 + u / 2])
    return np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2)


def build_tongue() -> tuple[Piece, Index, Array]:
    """The tongue at rest.

    Returns:
        The piece, symmetric; its mirror map (V,); and how far each vertex (V,) follows the tip,
        0 at the root and 1 at the tip.
    """
    side = np.linspace(-1, 1, _CELLS + 1)
    table = np.arange(len(side) ** 2).reshape(len(side), -1)
    under = table.copy()
    under[1:-1, 1:-1] = table.size + np.arange((_CELLS - 1) ** 2).reshape(_CELLS - 1, -1)
    flat = round_square(np.stack(np.meshgrid(side, side, indexing="ij"), -1), 0.96)
    points = np.concatenate(
        [_place(flat.reshape(-1, 2), True), _place(flat[1:-1, 1:-1].reshape(-1, 2), False)]
    )
    mirror = np.concatenate([table[::-1].ravel(), under[-2:0:-1, 1:-1].ravel()])
    points = (points + points[mirror] * [-1, 1, 1]) / 2
    quads = np.concatenate([grid_quads(table)[:, ::-1], grid_quads(under)])
    uv = 0.5 + flat.reshape(-1, 2) / 2
    uv_quads = np.concatenate([grid_quads(table)[:, ::-1], grid_quads(table) + len(uv)])
    chart = np.repeat([UPPER, UNDER], len(quads) // 2)
    follow = smooth_step((points[:, 2] - _Z[0]) / (_Z[-1] - _Z[0]))
    uv = np.concatenate([uv * [1, -1] + [0, 1], uv])
    return Piece(points, quads, uv, uv_quads, chart), mirror, follow


def _place(flat: Array, upper: bool) -> Array:
    """Points (N,3) on the upper or the under side of places (N,2) in the unit disc."""
    z = _Z[0] + (flat[:, 1] + 1) / 2 * (_Z[-1] - _Z[0])
    top, bottom, width = (np.interp(z, _Z, values) for values in (_TOP, _BOTTOM, _HALF_WIDTH))
    reach = np.minimum(np.hypot(flat[:, 0], flat[:, 1]), 1.0)
    middle = bottom + 0.55 * (top - bottom)
    x = width * flat[:, 0]
    if upper:
        y = middle + (top - middle) * np.sqrt(1 - reach**3)
        groove = np.exp(-((x / _GROOVE_WIDTH) ** 2)) * (1 - reach**4)
        y -= _GROOVE_DEPTH * groove
    else:
        y = middle - (middle - bottom) * np.sqrt(1 - reach**3)
    return np.stack([x, y, z], 1)
