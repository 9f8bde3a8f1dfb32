"""Compiled loops over the texels of an atlas and over the levels of a pyramid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import inline, kernel

Floats = NDArray[np.float32]
Array = NDArray[Any]

X, Y, DEPTH, FACING, COLOUR, SHADING = 0, 1, 2, 3, 4, 7
"""Columns of the vertices' table (V,10) that `sample_texels` interpolates."""

_FAR = 1e7  # pixels; farther points lie outside every photograph


@kernel
def sample_texels(
    texels: Array, corners: Array, weights: Floats, table: Floats, photo: Floats, maps: Floats,
    to_maps: Array, near: Floats, to_near: Array, tolerance: float, sampled: Floats,
    fitted: Floats, trust: Floats, shown: Floats,
) -> None:  # fmt: skip
    """Fill every texel's row of the four outputs from the photograph.

    Args:
        texels: (N,) flat positions. corners: (N,3). weights: (N,3).
        table: (V,10), see the names above.
        photo: (H,W,4) colours and, last, 1 where the photograph reaches.
        maps: (h,w,C) evidence. to_maps: (2,3) photo pixels to the maps' pixels.
        near: (n,n) the farthest depth that is still the nearest surface. to_near: (3,) scale and
            shift of photo pixels. tolerance: mm behind it that still count.
        sampled, fitted: (S*S,3). trust: (S*S,) in [0,1], for surfaces that face the camera and are
            seen. shown: (S*S,C) the evidence there.
    """
    for n in range(len(texels)):
        t = texels[n]
        values = np.zeros(10, np.float32)
        for k in range(3):
            for c in range(10):
                values[c] += weights[n, k] * table[corners[n, k], c]
        for c in range(3):
            fitted[t, c] = values[COLOUR + c] * values[SHADING + c]
        trust[t] = 0.0
        x, y = values[X], values[Y]
        if not (abs(x) < _FAR and abs(y) < _FAR) or values[FACING] <= 0:
            continue
        seen = _look(photo, x, y, 3)
        if seen < 0.99:
            continue
        row = _cell(y * to_near[0] + to_near[2], near.shape[0])
        column = _cell(x * to_near[0] + to_near[1], near.shape[1])
        if near[row, column] < values[DEPTH] - tolerance:
            continue
        for c in range(3):
            sampled[t, c] = _look(photo, x, y, c)
        u = to_maps[0, 0] * x + to_maps[0, 1] * y + to_maps[0, 2]
        v = to_maps[1, 0] * x + to_maps[1, 1] * y + to_maps[1, 2]
        if not (0 <= u < maps.shape[1] and 0 <= v < maps.shape[0]):
            continue
        for c in range(maps.shape[2]):
            shown[t, c] = _look(maps, u, v, c)
        trust[t] = values[FACING]


@inline
def _cell(place: float, count: int) -> int:
    return min(max(math.floor(place), 0), count - 1)


@inline
def _look(image: Floats, x: float, y: float, channel: int) -> float:
    """Bilinear value at pixel coordinates; 0 beyond the image's sides."""
    height, width = image.shape[0], image.shape[1]
    if not (0 <= x <= width and 0 <= y <= height):
        return 0.0
    fx, fy = x - 0.5, y - 0.5
    x0, y0 = math.floor(fx), math.floor(fy)
    ax, ay = fx - x0, fy - y0
    left, right = max(x0, 0), min(x0 + 1, width - 1)
    top, bottom = max(y0, 0), min(y0 + 1, height - 1)
    upper = image[top, left, channel] * (1 - ax) + image[top, right, channel] * ax
    lower = image[bottom, left, channel] * (1 - ax) + image[bottom, right, channel] * ax
    return upper * (1 - ay) + lower * ay


@kernel
def halve(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted means (h,w,C) of 2x2 cells, and how well they are known (h,w) in [0,1]."""
    height, width = (weight.shape[0] + 1) // 2, (weight.shape[1] + 1) // 2
    channels = values.shape[2]
    mean = np.zeros((height, width, channels), np.float32)
    known = np.zeros((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            total = np.float32(0.0)
            for r in range(2 * y, min(2 * y + 2, weight.shape[0])):
                for q in range(2 * x, min(2 * x + 2, weight.shape[1])):
                    w = weight[r, q]
                    total += w
                    for c in range(channels):
                        mean[y, x, c] += w * values[r, q, c]
            if total > 0:
                for c in range(channels):
                    mean[y, x, c] /= total
            known[y, x] = min(total, np.float32(1.0))
    return mean, known


@kernel
def pull(values: Floats, weight: Floats, coarse: Floats) -> None:
    """Blend the coarser level (bilinear) into `values` (h,w,C) where `weight` is below 1."""
    height, width = weight.shape
    for y in range(height):
        fy = (y + 0.5) / 2 - 0.5
        y0 = math.floor(fy)
        ay = np.float32(fy - y0)
        top, bottom = max(y0, 0), min(y0 + 1, coarse.shape[0] - 1)
        for x in range(width):
            w = weight[y, x]
            if w >= 1:
                continue
            fx = (x + 0.5) / 2 - 0.5
            x0 = math.floor(fx)
            ax = np.float32(fx - x0)
            left, right = max(x0, 0), min(x0 + 1, coarse.shape[1] - 1)
            for c in range(values.shape[2]):
                upper = coarse[top, left, c] * (1 - ax) + coarse[top, right, c] * ax
                lower = coarse[bottom, left, c] * (1 - ax) + coarse[bottom, right, c] * ax
                values[y, x, c] = values[y, x, c] * w + (upper * (1 - ay) + lower * ay) * (1 - w)
