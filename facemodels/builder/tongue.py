"""The tongue: a flat rounded body with a groove along its back."""

from __future__ import annotations

import numpy as np

from .hm08 import Array, Index
from .piece import Piece, grid_quads, round_square, smooth_step

UPPER, UNDER = 0, 1  # charts
_CELLS = 12
# In the coordinates of `teeth.Row`, mm, from the root to the tip.
_Z = (-58.0, -46.0, -34.0, -22.0, -14.0, -9.5)
_TOP = (-9.0, -0.5, 3.0, 2.6, 0.2, -1.2)
_BOTTOM = (-18.0, -16.0, -13.0, -9.5, -6.8, -5.6)
_HALF_WIDTH = (19.0, 19.0, 18.5, 17.0, 15.0, 14.0)
_GROOVE_DEPTH, _GROOVE_WIDTH = 1.1, 2.6


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
