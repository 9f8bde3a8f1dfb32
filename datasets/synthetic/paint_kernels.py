"""Kernels that paint what lies over opaque triangles: sheets of strands or glass, cards of hair.

One file, for they share how a pixel finds its place on a triangle and a texture.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

Array = NDArray[Any]

CELLS = 1024
"""Length of a table of strands."""

_FAINT = np.float32(0.01)
"""Less opacity than this is left out."""


@inline
def _shares(
    i: int, j: int, k: int, screen: Array, row: int, column: int
) -> tuple[np.float32, np.float32, np.float32]:
    """Perspective-correct shares of a triangle's corners at a pixel."""
    xi, yi = screen[i, 0] - column, screen[i, 1] - row
    xj, yj = screen[j, 0] - column, screen[j, 1] - row
    xk, yk = screen[k, 0] - column, screen[k, 1] - row
    bi = (xj * yk - yj * xk) * screen[i, 3]
    bj = (xk * yi - yk * xi) * screen[j, 3]
    bk = (xi * yj - yi * xj) * screen[k, 3]
    inverse = 1 / (bi + bj + bk)
    return np.float32(bi * inverse), np.float32(bj * inverse), np.float32(bk * inverse)


@inline
def _strand(table: Array, place: float) -> float:
    """Value in [-1,1] of a pattern of strands across which `place` counts."""
    low = math.floor(place)
    one, two = table[low & (CELLS - 1)], table[(low + 1) & (CELLS - 1)]
    return one + np.float32(place - low) * (two - one)


@inline
def _at(values: Array, n: int, i: int, j: int, k: int, shares: tuple[float, float, float]) -> float:
    """Value n at a place on a triangle."""
    return shares[0] * values[i, n] + shares[1] * values[j, n] + shares[2] * values[k, n]


@inline
def _grain(across: float, down: float, table: Array, look: tuple[float, float, float]) -> float:
    """The pattern of strands in [-1,1]; look: their number, height and number of waves."""
    u = across * look[0] + look[1] * math.sin(look[2] * down + np.float32(9) * across)
    fine, coarse = _strand(table, u), _strand(table, u / 5 + np.float32(0.4))
    return np.float32(0.6) * fine + np.float32(0.4) * coarse


@kernel
def paint_sheet_pixels(
    ids: Array, over: Array, screen: Array, faces: Array, values: Array, kinds: Array,
    table: Array, strands: float, height: float, waves: float,
    light: Array, cover: Array, kind: Array, depth: Array,
) -> None:  # fmt: skip
    """Blend the nearest sheet over each pixel; values (n,8) light and `Surface.sheet`."""
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    for r in range(ids.shape[0]):
        for c in range(ids.shape[1]):
            if ids[r, c] == 0 or over[r, c] >= depth[r, c]:
                continue
            f = np.uint32(ids[r, c] - 1)
            i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
            shares = _shares(i, j, k, screen, r, c)
            grain, rough = zero, _at(values, 6, i, j, k, shares)
            if rough > 0:
                across, down = _at(values, 4, i, j, k, shares), _at(values, 5, i, j, k, shares)
                grain = np.float32(_grain(across, down, table, (strands, height, waves)) * rough)
            ragged = _at(values, 7, i, j, k, shares) + np.float32(1.2) * grain
            opacity = min(max(_at(values, 3, i, j, k, shares), zero), one)
            opacity *= min(max(ragged, zero), one)
            bright = one + np.float32(0.7) * grain
            red = _at(values, 0, i, j, k, shares) * bright
            green = _at(values, 1, i, j, k, shares) * bright
            blue = _at(values, 2, i, j, k, shares) * bright
            light[0, r, c] += opacity * (red - light[0, r, c])
            light[1, r, c] += opacity * (green - light[1, r, c])
            light[2, r, c] += opacity * (blue - light[2, r, c])
            cover[r, c] += opacity * (one - cover[r, c])
            if opacity > half:
                depth[r, c], kind[r, c] = over[r, c], kinds[i]


@inline
def _within(place: float, last: float) -> np.float32:
    """A place in [0, last]; what is no number becomes 0."""
    near = np.float32(place if place < last else last)
    return near if near > 0 else np.float32(0)


@inline
def _find(
    place: Array, x: float, y: float
) -> tuple[np.uint64, np.uint64, np.uint64, np.float32, np.float32]:
    """Where a texture is at (x,y), continued outside [0,1]: the first byte of the texel, steps to
    the right and down, and shares of these."""
    start, height, width = place[0], place[1], place[2]
    across = _within(x * width - np.float32(0.5), np.float32(width - 1))
    down = _within(y * height - np.float32(0.5), np.float32(height - 1))
    c, r = np.int64(across), np.int64(down)
    right, below = 4 * np.int64(c + 1 < width), 4 * width * np.int64(r + 1 < height)
    first = np.uint64(start + 4 * (r * width + c))
    return first, np.uint64(right), np.uint64(below), across - np.float32(c), down - np.float32(r)


@inline
def _mixed(buffer: Array, n: int, right: int, below: int, fx: float, fy: float) -> np.float32:
    """Four bytes of a texture mixed, in [0,1]."""
    one, three = np.float32(buffer[n]), np.float32(buffer[n + below])
    top = one + fx * (np.float32(buffer[n + right]) - one)
    low = three + fx * (np.float32(buffer[n + below + right]) - three)
    return (top + fy * (low - top)) * np.float32(1 / 255)


@inline
def _pictured(
    place: Array, level: float, power: float, x: float, y: float, buffer: Array
) -> tuple[np.float32, np.float32]:
    """Opacity of a card with a texture at (x,y), and the factor on its colour where it shows."""
    n, right, below, fx, fy = _find(place, x, y)
    opacity = _mixed(buffer, n + np.uint64(3), right, below, fx, fy)
    if opacity < _FAINT:
        return opacity, np.float32(0)
    red = _mixed(buffer, n, right, below, fx, fy)
    green = _mixed(buffer, n + np.uint64(1), right, below, fx, fy)
    blue = _mixed(buffer, n + np.uint64(2), right, below, fx, fy)
    grey = (np.float32(0.3) * red + np.float32(0.59) * green + np.float32(0.11) * blue) * level
    return opacity, np.float32(grey**power)


@inline
def _ruled(x: float, y: float, table: Array, strands: float) -> tuple[np.float32, np.float32]:
    """The same of a card whose strands are drawn by rule: x counts across them, y is the distance
    to the end."""
    zero, one = np.float32(0), np.float32(1)
    u = x * strands
    grain = np.float32(0.6) * _strand(table, u)
    grain += np.float32(0.5) * _strand(table, u / 6 + np.float32(0.3))
    ragged = y * 9 * (one + np.float32(0.9) * grain) + np.float32(0.5) * grain
    return min(max(np.float32(ragged), zero), one), np.float32(math.exp(0.45 * grain))


@inline
def _lit(
    colours: Array, m: int, i: int, j: int, k: int, shares: tuple[float, float, float]
) -> float:
    """One colour at a place on a triangle."""
    return shares[0] * colours[i, m] + shares[1] * colours[j, m] + shares[2] * colours[k, m]


@kernel
def paint_card_pixels(
    spans: Array, planes: Array, screen: Array, faces: Array, uv: Array, texture: Array,
    level: Array, power: Array, kinds: Array, diffuse: Array, shine: Array,
    buffer: Array, places: Array, table: Array, strands: float,
    light: Array, cover: Array, kind: Array, depth: Array,
) -> None:  # fmt: skip
    """Blend cards in their order, the farthest first; see `paint.Cards`."""
    one = np.float32(1)
    for n in range(len(spans)):
        f, row = np.uint32(spans[n, 0] - 1), np.uint32(spans[n, 1])
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        for column in range(np.uint32(spans[n, 2]), np.uint32(spans[n, 3])):
            z = np.float32(planes[n, 0] + column * planes[n, 1])
            if z >= depth[row, column]:
                continue
            shares = _shares(i, j, k, screen, row, column)
            a, b, d = shares
            x = a * uv[f, 0, 0] + b * uv[f, 1, 0] + d * uv[f, 2, 0]
            y = a * uv[f, 0, 1] + b * uv[f, 1, 1] + d * uv[f, 2, 1]
            if texture[f] >= 0:
                place = places[np.uint32(texture[f])]
                opacity, factor = _pictured(place, level[f], power[f], x, y, buffer)
            else:
                opacity, factor = _ruled(x, y, table, strands)
            if opacity < _FAINT:
                continue
            for m in range(3):
                value = factor * _lit(diffuse, m, i, j, k, shares)
                value += factor * _lit(shine, m, i, j, k, shares)
                light[m, row, column] += opacity * (value - light[m, row, column])
            cover[row, column] += opacity * (one - cover[row, column])
            if opacity > np.float32(0.5):
                depth[row, column], kind[row, column] = z, kinds[f]
