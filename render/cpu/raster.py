"""Which triangle each pixel sees: z-buffered rasterization in homogeneous coordinates.

With a_i = (x_i - f_x w_i, y_i - f_y w_i), the vertex i relative to the pixel centre f (in NDC),
the edge functions e_0 = a_1 x a_2, e_1 = a_2 x a_0, e_2 = a_0 x a_1 are proportional to the
perspective-correct barycentrics, behind the camera as well (Olano and Greer 1997, "Triangle scan
conversion using 2D homogeneous coordinates"). Swapping an edge's ends changes nothing but the sign,
in floating point too, so that two triangles of a sheet never both miss a pixel on their edge.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .jit import inline, kernel

_SLACK = np.float32(2e-3)
"""Widens the bounding boxes (pixels) by more than the rounding of the screen positions."""


@inline
def _to_screen(pos: NDArray, height: int, width: int, screen: NDArray) -> None:
    """Pixel positions (column, row) of the vertices; NaN where w <= 0 or not finite."""
    half_w, half_h = np.float32(0.5 * width), np.float32(0.5 * height)
    shift_w, shift_h = half_w - np.float32(0.5), half_h - np.float32(0.5)
    for v in range(pos.shape[0]):
        inverse = np.float32(1.0) / pos[v, 3] if pos[v, 3] > 0 else np.float32(np.nan)
        screen[v, 0] = pos[v, 0] * inverse * half_w + shift_w
        screen[v, 1] = shift_h - pos[v, 1] * inverse * half_h


@inline
def _all_finite(pos: NDArray, i: int, j: int, k: int) -> bool:
    total = np.float32(0)
    for c in range(4):
        total += abs(pos[i, c]) + abs(pos[j, c]) + abs(pos[k, c])
    return math.isfinite(total)


@inline
def _owns(pos: NDArray, i: int, j: int, sign: float) -> bool:
    """Top-left rule: whether the edge i -> j of a triangle keeps pixel centres exactly on it."""
    wi, wj = np.float64(pos[i, 3]), np.float64(pos[j, 3])
    dy = sign * (pos[j, 1] * wi - pos[i, 1] * wj)
    if dy != 0:
        return dy < 0
    return sign * (pos[j, 0] * wi - pos[i, 0] * wj) < 0


@inline
def _fill(
    pos: NDArray,
    i: int,
    j: int,
    k: int,
    number: int,
    x0: int,
    x1: int,
    y0: int,
    y1: int,
    out: NDArray,
) -> None:
    """Test the pixel centres of columns x0..x1, rows y0..y1 and write those that win."""
    height, width = out.shape[0], out.shape[1]
    xi, yi, wi = np.float64(pos[i, 0]), np.float64(pos[i, 1]), np.float64(pos[i, 3])
    xj, yj, wj = np.float64(pos[j, 0]), np.float64(pos[j, 1]), np.float64(pos[j, 3])
    xk, yk, wk = np.float64(pos[k, 0]), np.float64(pos[k, 1]), np.float64(pos[k, 3])
    for row in range(y0, y1 + 1):
        fy = 1.0 - (2 * row + 1) / height
        aiy, ajy, aky = yi - fy * wi, yj - fy * wj, yk - fy * wk
        for column in range(x0, x1 + 1):
            fx = (2 * column + 1) / width - 1.0
            aix, ajx, akx = xi - fx * wi, xj - fx * wj, xk - fx * wk
            ei = ajx * aky - ajy * akx
            ej = akx * aiy - aky * aix
            ek = aix * ajy - aiy * ajx
            total = ei + ej + ek
            if total > 0:
                if ei < 0 or ej < 0 or ek < 0:
                    continue
            elif total < 0:
                if ei > 0 or ej > 0 or ek > 0:
                    continue
            else:
                continue
            if (
                (ei == 0 and not _owns(pos, j, k, total))
                or (ej == 0 and not _owns(pos, k, i, total))
                or (ek == 0 and not _owns(pos, i, j, total))
            ):
                continue
            w = ei * wi + ej * wj + ek * wk
            inverse = 1.0 / (w * total)
            if not inverse > 0:
                continue
            z = np.float32((ei * pos[i, 2] + ej * pos[j, 2] + ek * pos[k, 2]) * total * inverse)
            # Strictly nearer: of triangles at the same depth the lowest id stays.
            if abs(z) > 1 or (out[row, column, 3] > 0 and not z < out[row, column, 2]):
                continue
            inverse *= w
            out[row, column, 0] = ei * inverse
            out[row, column, 1] = ej * inverse
            out[row, column, 2] = z
            out[row, column, 3] = number


@inline
def _rasterize_image(pos: NDArray, tri: NDArray, screen: NDArray, out: NDArray) -> None:
    height, width = out.shape[0], out.shape[1]
    zero, right, bottom = np.float32(0), np.float32(width - 1), np.float32(height - 1)
    for t in range(tri.shape[0]):
        i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
        xi, xj, xk = screen[i, 0], screen[j, 0], screen[k, 0]
        yi, yj, yk = screen[i, 1], screen[j, 1], screen[k, 1]
        if not math.isfinite(xi + xj + xk + yi + yj + yk):
            if _all_finite(pos, i, j, k):
                _fill(pos, i, j, k, t + 1, 0, width - 1, 0, height - 1, out)
            continue
        y0 = math.ceil(max(min(min(yi, yj), yk) - _SLACK, zero))
        y1 = math.floor(min(max(max(yi, yj), yk) + _SLACK, bottom))
        x0 = math.ceil(max(min(min(xi, xj), xk) - _SLACK, zero))
        x1 = math.floor(min(max(max(xi, xj), xk) + _SLACK, right))
        if x0 <= x1 and y0 <= y1:
            _fill(pos, i, j, k, t + 1, int(x0), int(x1), int(y0), int(y1), out)


@kernel
def rasterize_images(pos: NDArray, tri: NDArray, out: NDArray, first: int, last: int) -> None:
    """Rasterize the images first..last-1: pos (B,V,4), tri (T,3) int32 into out (B,H,W,4)."""
    screen = np.empty((pos.shape[1], 2), np.float32)
    for b in range(first, last):
        out[b] = 0
        _to_screen(pos[b], out.shape[1], out.shape[2], screen)
        _rasterize_image(pos[b], tri, screen, out[b])
