"""Kernels that paint what lies over opaque triangles: sheets of strands or glass, cards of hair.

One file, for they share how a pixel finds its place on a triangle and a texture.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import inline, kernel

Array = NDArray[Any]

CELLS = 1024
"""Length of a table of strands."""


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
def _within(place: float, last: float) -> np.float32:
    """A place in [0, last]; what is no number becomes 0."""
    if not place > 0:
        return np.float32(0)
    return np.float32(min(place, last))


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
def _sample(
    buffer: Array, start: int, height: int, width: int, x: float, y: float, out: Array
) -> None:
    """A texture's coded colours and opacity (4,) in [0,1] at (x,y), continued outside."""
    across = _within(x * width - np.float32(0.5), np.float32(width - 1))
    down = _within(y * height - np.float32(0.5), np.float32(height - 1))
    c, r = int(across), int(down)
    fx, fy = across - np.float32(c), down - np.float32(r)
    right, below = 4 * int(c + 1 < width), 4 * width * int(r + 1 < height)
    base = start + 4 * (r * width + c)
    for k in range(4):
        n = base + k
        top = buffer[n] + fx * (np.float32(buffer[n + right]) - buffer[n])
        n += below
        low = buffer[n] + fx * (np.float32(buffer[n + right]) - buffer[n])
        out[k] = (top + fy * (low - top)) * np.float32(1 / 255)


@inline
def _card(
    texel: Array, texture: int, level: float, power: float, x: float, y: float, buffer: Array,
    places: Array, table: Array, strands: float,
) -> tuple[np.float32, np.float32]:  # fmt: skip
    """Opacity of a card at (x,y), and the factor on its colour.

    Without a texture strands are drawn by rule: x counts across them, y is the distance to the end.
    """
    zero, one = np.float32(0), np.float32(1)
    if texture >= 0:
        place = places[texture]
        _sample(buffer, place[0], place[1], place[2], x, y, texel)
        grey = np.float32(0.3) * texel[0] + np.float32(0.59) * texel[1]
        grey = (grey + np.float32(0.11) * texel[2]) * level
        return texel[3], grey**power
    u = x * strands
    grain = np.float32(0.6) * _strand(table, u)
    grain += np.float32(0.5) * _strand(table, u / 6 + np.float32(0.3))
    ragged = y * 9 * (one + np.float32(0.9) * grain) + np.float32(0.5) * grain
    return min(max(np.float32(ragged), zero), one), np.float32(math.exp(0.45 * grain))


@kernel
def paint_card_pixels(
    spans: Array, planes: Array, screen: Array, faces: Array, uv: Array, texture: Array,
    level: Array, power: Array, kinds: Array, diffuse: Array, shine: Array,
    buffer: Array, places: Array, table: Array, strands: float,
    light: Array, cover: Array, kind: Array, depth: Array,
) -> None:  # fmt: skip
    """Blend cards in their order, the farthest first; see `paint.Cards`."""
    texel, one = np.zeros(4, np.float32), np.float32(1)
    for n in range(len(spans)):
        f, row = spans[n, 0] - 1, spans[n, 1]
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        for column in range(spans[n, 2], spans[n, 3]):
            z = np.float32(planes[n, 0] + column * planes[n, 1])
            if z >= depth[row, column]:
                continue
            a, b, d = _shares(i, j, k, screen, row, column)
            x = a * uv[f, 0, 0] + b * uv[f, 1, 0] + d * uv[f, 2, 0]
            y = a * uv[f, 0, 1] + b * uv[f, 1, 1] + d * uv[f, 2, 1]
            opacity, factor = _card(
                texel, texture[f], level[f], power[f], x, y, buffer, places, table, strands
            )
            if opacity < np.float32(0.01):
                continue
            for m in range(3):
                value = factor * (a * diffuse[i, m] + b * diffuse[j, m] + d * diffuse[k, m])
                value += factor * (a * shine[i, m] + b * shine[j, m] + d * shine[k, m])
                light[m, row, column] += opacity * (value - light[m, row, column])
            cover[row, column] += opacity * (one - cover[row, column])
            if opacity > np.float32(0.5):
                depth[row, column], kind[row, column] = z, kinds[f]
