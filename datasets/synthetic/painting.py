"""Kernels that paint backgrounds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel


@kernel
def add_noise(picture: NDArray, noise: NDArray, height: float, saturation: float) -> None:
    """Add noise (H,W,3) of a height to a picture, its colours times a saturation, in place."""
    for i in range(len(picture)):
        for j in range(picture.shape[1]):
            grey = (noise[i, j, 0] + noise[i, j, 1] + noise[i, j, 2]) / np.float32(3)
            for k in range(3):
                picture[i, j, k] += height * (grey + saturation * (noise[i, j, k] - grey))


@kernel
def paint_leaves(
    ellipses: NDArray, colours: NDArray, slopes: NDArray, stripes: NDArray, out: NDArray
) -> None:
    """Ellipses (n: x, y, 1/rx, 1/ry, cos, sin; 1/ry < 0 for boxes) over each other, in place.

    The last lies on top, so it is painted first and what is painted stays.
    """
    size = out.shape[0]
    painted = np.zeros((size, size), np.bool_)
    for n in range(len(ellipses) - 1, -1, -1):
        cx, cy, wx, wy, c, s = ellipses[n]
        box, wy = wy < 0, abs(wy)
        if box:
            wide, tall = abs(c) / wx + abs(s) / wy, abs(s) / wx + abs(c) / wy
        else:
            wide, tall = math.hypot(c / wx, s / wy), math.hypot(s / wx, c / wy)
        for i in range(max(int(cy - tall - 0.5), 0), min(int(cy + tall) + 1, size)):
            for j in range(max(int(cx - wide - 0.5), 0), min(int(cx + wide) + 1, size)):
                if painted[i, j]:
                    continue
                x, y = j + 0.5 - cx, i + 0.5 - cy
                u, v = (c * x + s * y) * wx, (c * y - s * x) * wy
                if (max(abs(u), abs(v)) if box else u * u + v * v) < 1:
                    painted[i, j] = True
                    light = 1 + slopes[n, 0] * u + slopes[n, 1] * v
                    if stripes[n, 0] > 0:
                        light += stripes[n, 0] * math.sin(stripes[n, 1] * v + 3 * u)
                    for k in range(3):
                        out[i, j, k] = colours[n, k] * light
