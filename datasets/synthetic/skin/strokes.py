"""Strokes on a canvas: hairs and wrinkles as short pieces with round ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....render.cpu.jit import kernel

Array = NDArray[Any]


@dataclass(frozen=True)
class Strokes:
    """N paths of P points, in columns and rows of a canvas.

    Attributes:
        paths: (N,P,2).
        radius: (N,P) texels, where a stroke has faded out.
        strength: (N,P) in the middle of the stroke, 0 to 1.
    """

    paths: Array
    radius: Array
    strength: Array


@kernel
def _draw(paths: Array, radius: Array, strength: Array, canvas: Array) -> None:
    """canvas = max(canvas, strength (1 - (d / radius)^2)^2), d to each piece of each path."""
    height, width = canvas.shape
    for n in range(len(paths)):
        for p in range(paths.shape[1] - 1):
            x0, y0, x1, y1 = paths[n, p, 0], paths[n, p, 1], paths[n, p + 1, 0], paths[n, p + 1, 1]
            r0, r1, s0, s1 = radius[n, p], radius[n, p + 1], strength[n, p], strength[n, p + 1]
            reach, dx, dy = max(r0, r1), x1 - x0, y1 - y0
            inverse = np.float32(1) / max(dx * dx + dy * dy, np.float32(1e-6))
            top, end = math.ceil(min(y0, y1) - reach), math.floor(max(y0, y1) + reach) + 1
            left, right = math.ceil(min(x0, x1) - reach), math.floor(max(x0, x1) + reach) + 1
            for row in range(max(top, 0), min(end, height)):
                for column in range(max(left, 0), min(right, width)):
                    ex, ey = np.float32(column) - x0, np.float32(row) - y0
                    t = min(max((ex * dx + ey * dy) * inverse, np.float32(0)), np.float32(1))
                    ex, ey, r = ex - t * dx, ey - t * dy, r0 + t * (r1 - r0)
                    rest = np.float32(1) - (ex * ex + ey * ey) / max(r * r, np.float32(1e-6))
                    if rest > 0:
                        value = (s0 + t * (s1 - s0)) * rest * rest
                        canvas[row, column] = max(canvas[row, column], value)


def draw_strokes(canvas: Array, strokes: Strokes) -> None:
    """Draw strokes onto a canvas (S,S) float32; where they meet, the strongest counts."""
    parts = (strokes.paths, strokes.radius, strokes.strength)
    _draw(*(np.ascontiguousarray(part, np.float32) for part in parts), canvas)
