"""Gradients of the raster buffer's barycentrics and depth with respect to clip positions.

With the edge functions e and pixel-relative vertices a of raster.py, b_i = e_i / s, s = sum e:
dL/de_i = (g_i - sum_j g_j b_j) / s; each e is a cross product of two a, and a = (x, y) - f w.
The depth is d = (sum b_i z_i) / (sum b_i w_i).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .jit import inline, kernel


@inline
def _add_corner(
    grad: NDArray, v: int, gax: float, gay: float, gz: float, gw: float, fx: float, fy: float
) -> None:
    grad[v, 0] += gax
    grad[v, 1] += gay
    grad[v, 2] += gz
    grad[v, 3] += gw - fx * gax - fy * gay


@inline
def _pixel(
    pos: NDArray,
    i: int,
    j: int,
    k: int,
    fx: float,
    fy: float,
    gu: float,
    gv: float,
    gd: float,
    grad: NDArray,
) -> None:
    wi, wj, wk = np.float64(pos[i, 3]), np.float64(pos[j, 3]), np.float64(pos[k, 3])
    aix, aiy = pos[i, 0] - fx * wi, pos[i, 1] - fy * wi
    ajx, ajy = pos[j, 0] - fx * wj, pos[j, 1] - fy * wj
    akx, aky = pos[k, 0] - fx * wk, pos[k, 1] - fy * wk
    ei, ej, ek = ajx * aky - ajy * akx, akx * aiy - aky * aix, aix * ajy - aiy * ajx
    total = ei + ej + ek
    if total == 0:
        return
    inverse = 1.0 / total
    bi, bj, bk = ei * inverse, ej * inverse, ek * inverse
    dz = 1.0 / (bi * wi + bj * wj + bk * wk)
    dw = -(bi * pos[i, 2] + bj * pos[j, 2] + bk * pos[k, 2]) * dz * dz * gd
    dz *= gd
    gi = gu + dz * pos[i, 2] + dw * wi
    gj = gv + dz * pos[j, 2] + dw * wj
    gk = dz * pos[k, 2] + dw * wk
    mean = gi * bi + gj * bj + gk * bk
    gi, gj, gk = (gi - mean) * inverse, (gj - mean) * inverse, (gk - mean) * inverse
    _add_corner(grad, i, gk * ajy - gj * aky, gj * akx - gk * ajx, bi * dz, bi * dw, fx, fy)
    _add_corner(grad, j, gi * aky - gk * aiy, gk * aix - gi * akx, bj * dz, bj * dw, fx, fy)
    _add_corner(grad, k, gj * aiy - gi * ajy, gi * ajx - gj * aix, bk * dz, bk * dw, fx, fy)


@kernel
def rasterize_backward_images(
    pos: NDArray,
    tri: NDArray,
    rast: NDArray,
    grad_rast: NDArray,
    grad_pos: NDArray,
    first: int,
    last: int,
) -> None:
    """Write d/d pos (B,V,4) of the images first..last-1, given d/d rast (B,H,W,4)."""
    height, width = rast.shape[1], rast.shape[2]
    for b in range(first, last):
        grad_pos[b] = 0
        # Views made once per image: each one counts references.
        points, grad = pos[b], grad_pos[b]
        for row in range(height):
            fy = 1.0 - (2 * row + 1) / height
            for column in range(width):
                t = int(rast[b, row, column, 3]) - 1
                if t < 0 or t >= tri.shape[0]:
                    continue
                gu, gv = grad_rast[b, row, column, 0], grad_rast[b, row, column, 1]
                gd = grad_rast[b, row, column, 2]
                if gu == 0 and gv == 0 and gd == 0:
                    continue
                fx = (2 * column + 1) / width - 1.0
                i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
                _pixel(points, i, j, k, fx, fy, gu, gv, gd, grad)
