"""Compiled loops over the texels of an atlas: what a photograph shows them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

Floats = NDArray[np.float32]
Array = NDArray[Any]

X, Y, DEPTH, FACING, COLOUR, SHADING = 0, 1, 2, 3, 4, 7
"""Columns of the vertices' table (V,10) that `sample_texels` interpolates."""

_INSIDE = np.float32(0.99)  # of the photograph's last channel, below which a pixel shows nothing
_HALF, _ONE = np.float32(0.5), np.float32(1.0)


@kernel
def sample_texels(
    texels: Array, corners: Array, weights: Floats, table: Floats, photo: Floats, maps: Floats,
    to_maps: Array, near: Floats, to_near: Array, tolerance: float, sampled: Floats,
    fitted: Floats, trust: Floats, shown: Floats,
) -> None:  # fmt: skip
    """Fill every texel's row of the four outputs from the photograph; the last three begin as 0.

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
    pixel = np.zeros(photo.shape[2], np.float32)
    told = np.zeros(maps.shape[2], np.float32)
    for n in range(len(texels)):
        t = texels[n]
        i, j, k = corners[n, 0], corners[n, 1], corners[n, 2]
        a, b, c = weights[n, 0], weights[n, 1], weights[n, 2]
        for q in range(3):
            colour = a * table[i, COLOUR + q] + b * table[j, COLOUR + q] + c * table[k, COLOUR + q]
            light = a * table[i, SHADING + q] + b * table[j, SHADING + q]
            fitted[t, q] = colour * (light + c * table[k, SHADING + q])
        facing = a * table[i, FACING] + b * table[j, FACING] + c * table[k, FACING]
        x = a * table[i, X] + b * table[j, X] + c * table[k, X]
        y = a * table[i, Y] + b * table[j, Y] + c * table[k, Y]
        if not (facing > 0 and 0 <= x <= photo.shape[1] and 0 <= y <= photo.shape[0]):
            continue
        depth = a * table[i, DEPTH] + b * table[j, DEPTH] + c * table[k, DEPTH]
        row = _cell(y * to_near[0] + to_near[2], near.shape[0])
        column = _cell(x * to_near[0] + to_near[1], near.shape[1])
        if near[row, column] < depth - tolerance:
            continue
        _look(photo, x, y, pixel)
        if pixel[3] < _INSIDE:
            continue
        for q in range(3):
            sampled[t, q] = pixel[q]
        u = np.float32(to_maps[0, 0] * x + to_maps[0, 1] * y + to_maps[0, 2])
        v = np.float32(to_maps[1, 0] * x + to_maps[1, 1] * y + to_maps[1, 2])
        if not (0 <= u < maps.shape[1] and 0 <= v < maps.shape[0]):
            continue
        _look(maps, u, v, told)
        for q in range(len(told)):
            shown[t, q] = told[q]
        trust[t] = facing


@inline
def _cell(place: float, count: int) -> int:
    return min(max(math.floor(place), 0), count - 1)


@inline
def _look(image: Floats, x: float, y: float, values: Floats) -> None:
    """Bilinear values (C,) at pixel coordinates that lie in the image."""
    fx, fy = np.float32(x) + _HALF, np.float32(y) + _HALF
    x1, y1 = int(fx), int(fy)
    ax, ay = fx - np.float32(x1), fy - np.float32(y1)
    left, right = np.uintp(max(x1 - 1, 0)), np.uintp(min(x1, image.shape[1] - 1))
    top, bottom = np.uintp(max(y1 - 1, 0)), np.uintp(min(y1, image.shape[0] - 1))
    one, two = (_ONE - ax) * (_ONE - ay), ax * (_ONE - ay)
    three, four = (_ONE - ax) * ay, ax * ay
    for c in range(len(values)):
        upper = one * image[top, left, c] + two * image[top, right, c]
        values[c] = upper + three * image[bottom, left, c] + four * image[bottom, right, c]
