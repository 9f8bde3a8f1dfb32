"""Compiled loops that make an atlas: vertices' values on texels, and what lies next to a chart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel

Floats = NDArray[np.float32]
Array = NDArray[Any]


@kernel
def interpolate(
    texels: Array, corners: Array, weights: Floats, values: Floats, out: Floats
) -> None:
    """Fill the texels' rows of the output with what lies between their three corners.

    Args:
        texels: (N,) flat positions. corners: (N,3) rows of `values`. weights: (N,3) barycentric.
        values: (V,C).
        out: (S*S,C).
    """
    for n in range(len(texels)):
        i, j, k = corners[n, 0], corners[n, 1], corners[n, 2]
        for c in range(values.shape[1]):
            first = values[i, c] * weights[n, 0] + values[j, c] * weights[n, 1]
            out[texels[n], c] = first + values[k, c] * weights[n, 2]


@kernel
def nearest_within(mask: Array, reach: int, nearest: Array) -> None:
    """The nearest texel of a mask for every texel outside that has one within reach.

    Args:
        mask: (H,W) bool.
        reach: texels, centre to centre.
        nearest: (H,W) int64, flat positions; -1 in the mask and beyond the reach.
    """
    height, width = mask.shape
    column = np.full((height, width), -1, np.int64)  # of the nearest in the mask, in the same row
    for y in range(height):
        last = -1
        for x in range(width):
            last = x if mask[y, x] else last
            column[y, x] = last
        last = -1
        for x in range(width - 1, -1, -1):
            last = x if mask[y, x] else last
            if last >= 0 and (column[y, x] < 0 or last - x < x - column[y, x]):
                column[y, x] = last
    for y in range(height):
        for x in range(width):
            nearest[y, x] = -1
            least = reach * reach + 1 if not mask[y, x] else 0
            for row in range(max(y - reach, 0), min(y + reach + 1, height)):
                away = column[row, x] - x
                square = (row - y) * (row - y) + away * away
                if column[row, x] >= 0 and square < least:
                    least, nearest[y, x] = square, row * width + column[row, x]


@kernel
def distances(points: Floats, others: Floats, reach: float, away: Floats) -> None:
    """The distance from each point to the nearest other one, where it is within reach.

    Args:
        points: (N,3). others: (M,3), sorted by their second coordinate.
        reach: larger distances are not told apart.
        away: (N,), at most `reach` afterwards.
    """
    height = np.ascontiguousarray(others[:, 1])
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        least = np.float32(reach * reach)
        first = np.searchsorted(height, np.float32(y - reach))
        last = np.searchsorted(height, np.float32(y + reach))
        for m in range(first, last):
            dx, dy, dz = others[m, 0] - x, others[m, 1] - y, others[m, 2] - z
            least = min(least, dx * dx + dy * dy + dz * dz)
        away[n] = np.sqrt(least)
