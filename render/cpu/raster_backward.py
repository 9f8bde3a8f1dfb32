"""Gradients of barycentrics and depth with respect to clip positions.

With the edge functions e and pixel-relative vertices a of raster.py, b_i = e_i / s, s = sum e:
dL/de_i = (g_i - sum_j g_j b_j) / s; each e is a cross product of two a, and a = (x, y) - f w.
The depth is d = (sum b_i z_i) / (sum b_i w_i).

Blocks of pixels go through four loops: list those with a triangle and a gradient, gather what the
formulas need, differentiate (which the compiler vectorizes), add the results to the vertices in the
order of the pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

_BLOCK = 120
"""Pixels to a block: their 17 numbers each stay in the first-level cache; no power of two, which
would put one pixel's numbers into few of its sets."""


@inline
def _list(
    rast: NDArray, grad_rast: NDArray, triangles: int, start: int, pixels: NDArray
) -> tuple[int, int]:
    """List pixels from `start` on that have a triangle and a gradient, until `pixels` is full.

    Returns where to go on and how many are listed; rast, grad_rast (H*W,4).
    """
    count = 0
    while start < rast.shape[0] and count < _BLOCK:
        number, pixel = rast[start, 3], np.uint64(start)
        gu, gv, gd = grad_rast[pixel, 0], grad_rast[pixel, 1], grad_rast[pixel, 2]
        pixels[count] = start
        moves = (gu != 0) | (gv != 0) | (gd != 0)
        count += int((number > 0) & (number <= triangles) & moves)
        start += 1
    return start, count


@inline
def _gather(
    pos: NDArray,
    tri: NDArray,
    rast: NDArray,
    grad_rast: NDArray,
    size: tuple[int, int],
    pixels: NDArray,
    count: int,
    values: NDArray,
) -> None:
    """Rows of values (17,N): a_x, a_y, z, w of each corner, the three gradients, f_x, f_y."""
    height, width = size
    for n in range(count):
        pixel = np.uint64(pixels[n])
        row, column = pixels[n] // width, pixels[n] % width
        fx, fy = (2 * column + 1) / width - 1.0, 1.0 - (2 * row + 1) / height
        t = np.uint64(np.int64(rast[pixel, 3]) - 1)
        for corner in range(3):
            v = np.uint32(tri[t, corner])
            w = np.float64(pos[v, 3])
            values[4 * corner, n] = pos[v, 0] - fx * w
            values[4 * corner + 1, n] = pos[v, 1] - fy * w
            values[4 * corner + 2, n] = pos[v, 2]
            values[4 * corner + 3, n] = w
        for channel in range(3):
            values[12 + channel, n] = grad_rast[pixel, channel]
        values[15, n], values[16, n] = fx, fy


@inline
def _differentiate(values: NDArray, count: int) -> None:
    """Turn rows 0..11 of `_gather` into the gradients to x, y, z, w of each corner."""
    for n in range(count):
        aix, aiy, zi, wi = values[0, n], values[1, n], values[2, n], values[3, n]
        ajx, ajy, zj, wj = values[4, n], values[5, n], values[6, n], values[7, n]
        akx, aky, zk, wk = values[8, n], values[9, n], values[10, n], values[11, n]
        gu, gv, gd, fx, fy = (
            values[12, n],
            values[13, n],
            values[14, n],
            values[15, n],
            values[16, n],
        )
        ei, ej, ek = ajx * aky - ajy * akx, akx * aiy - aky * aix, aix * ajy - aiy * ajx
        total = ei + ej + ek
        # A triangle seen edge-on has no gradient.
        inverse = 1.0 / total if total != 0 else 0.0
        bi, bj, bk = ei * inverse, ej * inverse, ek * inverse
        w = bi * wi + bj * wj + bk * wk
        dz = 1.0 / w if w != 0 else 0.0
        dw = -(bi * zi + bj * zj + bk * zk) * dz * dz * gd
        dz *= gd
        gi = gu + dz * zi + dw * wi
        gj = gv + dz * zj + dw * wj
        gk = dz * zk + dw * wk
        mean = gi * bi + gj * bj + gk * bk
        gi, gj, gk = (gi - mean) * inverse, (gj - mean) * inverse, (gk - mean) * inverse
        gx, gy = gk * ajy - gj * aky, gj * akx - gk * ajx
        values[0, n], values[1, n] = gx, gy
        values[2, n], values[3, n] = bi * dz, bi * dw - fx * gx - fy * gy
        gx, gy = gi * aky - gk * aiy, gk * aix - gi * akx
        values[4, n], values[5, n] = gx, gy
        values[6, n], values[7, n] = bj * dz, bj * dw - fx * gx - fy * gy
        gx, gy = gj * aiy - gi * ajy, gi * ajx - gj * aix
        values[8, n], values[9, n] = gx, gy
        values[10, n], values[11, n] = bk * dz, bk * dw - fx * gx - fy * gy


@inline
def _scatter(
    tri: NDArray, rast: NDArray, pixels: NDArray, count: int, values: NDArray, grad: NDArray
) -> None:
    """Add the corners' gradients to the vertices, grad (V,4)."""
    for n in range(count):
        t = np.uint64(np.int64(rast[np.uint64(pixels[n]), 3]) - 1)
        for corner in range(3):
            v = np.uint32(tri[t, corner])
            for component in range(4):
                grad[v, component] += values[4 * corner + component, n]


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
    pixels, values = np.empty(_BLOCK + 1, np.int64), np.empty((17, _BLOCK), np.float64)
    for b in range(first, last):
        # Views made once per image: each one counts references.
        points, grad = pos[b], grad_pos[b]
        seen = rast[b].reshape(height * width, 4)
        wanted = grad_rast[b].reshape(height * width, 4)
        grad[:] = 0
        start = 0
        while start < height * width:
            start, count = _list(seen, wanted, tri.shape[0], start, pixels)
            _gather(points, tri, seen, wanted, (height, width), pixels, count, values)
            _differentiate(values, count)
            _scatter(tri, seen, pixels, count, values, grad)
