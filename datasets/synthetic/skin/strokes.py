"""Strokes on a canvas: hairs and wrinkles as short pieces with round ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import kernel

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
def _draw(paths: Array, radius: Array, strength: Array, first: int, canvas: Array) -> None:
    """canvas = max(canvas, strength (1 - (d / radius)^2)^2), d to each piece of each path.

    Row 0 of the canvas is row `first` of the paths. No branches for single pixels.
    """
    height, width = canvas.shape
    zero, one, tiny = np.float32(0), np.float32(1), np.float32(1e-6)
    for n in range(len(paths)):
        for p in range(paths.shape[1] - 1):
            x0, y0, x1, y1 = paths[n, p, 0], paths[n, p, 1], paths[n, p + 1, 0], paths[n, p + 1, 1]
            r0, r1, s0, s1 = radius[n, p], radius[n, p + 1], strength[n, p], strength[n, p + 1]
            reach, dx, dy = max(r0, r1), x1 - x0, y1 - y0
            inverse = one / max(dx * dx + dy * dy, tiny)
            top, end = math.ceil(min(y0, y1) - reach), math.floor(max(y0, y1) + reach) + 1
            left, right = math.ceil(min(x0, x1) - reach), math.floor(max(x0, x1) + reach) + 1
            left, right = max(left, 0), min(right, width)
            for row in range(max(top, first), min(end, first + height)):
                ey = np.float32(row) - y0
                line = canvas[row - first]
                for column in range(left, right):
                    ex = np.float32(column) - x0
                    t = (ex * dx + ey * dy) * inverse
                    t = t if t > zero else zero
                    t = t if t < one else one
                    fx, fy, r = ex - t * dx, ey - t * dy, r0 + t * (r1 - r0)
                    square = r * r if r * r > tiny else tiny
                    rest = one - (fx * fx + fy * fy) / square
                    rest = rest if rest > zero else zero
                    value = (s0 + t * (s1 - s0)) * rest * rest
                    line[column] = value if value > line[column] else line[column]


def draw_strokes(canvas: Array, strokes: Strokes, top: int = 0) -> None:
    """Draw strokes, in place; where they meet, the strongest counts.

    Args:
        canvas: (H,W) float32.
        strokes: what is drawn.
        top: the row of the strokes' canvas that is the first of this one.
    """
    parts = (strokes.paths, strokes.radius, strokes.strength)
    _draw(*(np.ascontiguousarray(part, np.float32) for part in parts), top, canvas)
