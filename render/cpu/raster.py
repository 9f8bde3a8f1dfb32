"""Which triangle each pixel sees: z-buffered rasterization, one pass per image.

With a_i the vertex i relative to the pixel centre, the edge functions e_0 = a_1 x a_2,
e_1 = a_2 x a_0, e_2 = a_0 x a_1 have one sign inside. Swapping an edge's ends changes nothing but
the sign, in floating point too, and the products of float32 differences are exact in float64: all
triangles agree on every vertex and edge, so a closed sheet has no holes. In screen coordinates
e_i / w_i is proportional to the perspective-correct barycentric b_i; in homogeneous ones,
a_i = (x_i - f_x w_i, y_i - f_y w_i), e_i itself is, behind the camera as well (Olano and Greer
1997, "Triangle scan conversion using 2D homogeneous coordinates").

Most triangles of a dense mesh cover about a pixel, so mispredicted branches cost more than
arithmetic. Hence the steps, each a loop with few branches: project the vertices, box all triangles,
list the candidate pixels of some hundred triangles, keep those inside, write those that are nearer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .jit import inline, kernel

_CANDIDATES = 4096
_FAR_OUT = 1e9
"""Screen coordinates beyond this (pixels) are left to the homogeneous path."""


@inline
def _project(pos: NDArray, height: int, width: int, screen: NDArray) -> int:
    """Column and row from the image's centre, z/w, 1/w of each vertex; returns how many have none.

    Those are NaN: w <= 0, something not finite, or too far out.
    """
    missing = 0
    half_w, half_h = 0.5 * width, 0.5 * height
    for v in range(pos.shape[0]):
        inverse = 1.0 / np.float64(pos[v, 3])
        x, y = pos[v, 0] * inverse * half_w, -pos[v, 1] * inverse * half_h
        z = pos[v, 2] * inverse
        usable = (inverse > 0) & (abs(x) + abs(y) < _FAR_OUT) & (abs(z) + inverse < 1e30)
        missing += 0 if usable else 1
        screen[v, 0] = x if usable else np.nan
        screen[v, 1] = y if usable else 0.0
        screen[v, 2] = z
        screen[v, 3] = inverse
    return missing


@inline
def _box(screen: NDArray, tri: NDArray, height: int, width: int, boxes: NDArray) -> None:
    """First and last column, first and last row of pixel centres in each triangle's box."""
    zero, one = np.float32(0), np.float32(1)
    cx, cy = np.float32(0.5 * (width - 1)), np.float32(0.5 * (height - 1))
    right, bottom = np.float32(width), np.float32(height)
    for t in range(tri.shape[0]):
        i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
        xi, xj, xk = screen[i, 0], screen[j, 0], screen[k, 0]
        yi, yj, yk = screen[i, 1], screen[j, 1], screen[k, 1]
        x0 = min(max(min(min(xi, xj), xk) + cx, zero), right)
        y0 = min(max(min(min(yi, yj), yk) + cy, zero), bottom)
        # One more and one less, so that truncation rounds down from -1 on.
        x1 = max(min(max(max(xi, xj), xk) + cx + one, right), zero)
        y1 = max(min(max(max(yi, yj), yk) + cy + one, bottom), zero)
        bad = math.isnan(xi + xj + xk)
        x0 = zero if bad else x0
        x1 = zero if bad else x1
        ix, iy = np.int32(x0), np.int32(y0)
        boxes[t, 0] = ix + np.int32(np.float32(ix) < x0)
        boxes[t, 1] = np.int32(x1) - np.int32(1)
        boxes[t, 2] = iy + np.int32(np.float32(iy) < y0)
        boxes[t, 3] = np.int32(y1) - np.int32(1)


@inline
def _list_candidates(
    boxes: NDArray, t: int, skip: int, candidates: NDArray
) -> tuple[int, int, int]:
    """List pixels, triangle << 32 | row << 16 | column, from triangle t and its row `skip` on.

    Returns the triangle and row to go on from, and how many are listed.
    """
    n = 0
    while t < boxes.shape[0] and n + 4 <= candidates.shape[0]:
        x0, x1, y0, y1 = boxes[t, 0], boxes[t, 1], boxes[t, 2], boxes[t, 3]
        base = (np.int64(t) << 32) | (np.int64(y0) << 16) | np.int64(x0)
        if x1 - x0 <= 1 and y1 - y0 <= 1:
            # 2 x 2 or less, also empty: write all four, advance over those that count.
            some = int((x1 >= x0) & (y1 >= y0))
            wide, tall = some * int(x1 > x0), some * int(y1 > y0)
            candidates[n] = base
            n += some
            candidates[n] = base + 1
            n += wide
            candidates[n] = base + 65536
            n += tall
            candidates[n] = base + 65537
            n += wide * tall
        elif x1 >= x0:
            for row in range(skip, y1 - y0 + 1):
                if n + (x1 - x0 + 1) > candidates.shape[0]:
                    return t, row, n
                for column in range(x1 - x0 + 1):
                    candidates[n] = base + (np.int64(row) << 16) + column
                    n += 1
            skip = 0
        t += 1
    return t, 0, n


@inline
def _keep_inside(
    screen: NDArray,
    tri: NDArray,
    height: int,
    width: int,
    candidates: NDArray,
    count: int,
    functions: NDArray,
) -> int:
    """Move the candidates within their triangles, edges included, to the front; returns how many.

    Their edge functions go into `functions`.
    """
    cx, cy = np.float32(0.5 * (width - 1)), np.float32(0.5 * (height - 1))
    kept = 0
    for n in range(count):
        candidate = candidates[n]
        t = np.uint64(candidate >> 32)
        px = np.float32(candidate & 65535) - cx
        py = np.float32((candidate >> 16) & 65535) - cy
        i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
        xi, yi = np.float64(screen[i, 0] - px), np.float64(screen[i, 1] - py)
        xj, yj = np.float64(screen[j, 0] - px), np.float64(screen[j, 1] - py)
        xk, yk = np.float64(screen[k, 0] - px), np.float64(screen[k, 1] - py)
        ei, ej, ek = xj * yk - yj * xk, xk * yi - yk * xi, xi * yj - yi * xj
        candidates[kept] = candidate
        functions[kept, 0], functions[kept, 1], functions[kept, 2] = ei, ej, ek
        kept += int((min(min(ei, ej), ek) >= 0) | (max(max(ei, ej), ek) <= 0))
    return kept


@inline
def _owns(points: NDArray, i: int, j: int, sign: float, last: int) -> bool:
    """Top-left rule: whether a triangle with the edge i -> j keeps pixel centres exactly on it.

    points[:, last] is what x and y have to be divided by; -1 for screen positions.
    """
    wi = np.float64(points[i, last]) if last >= 0 else 1.0
    wj = np.float64(points[j, last]) if last >= 0 else 1.0
    dy = sign * (points[j, 1] * wi - points[i, 1] * wj)
    if dy != 0:
        return dy < 0
    return sign * (points[j, 0] * wi - points[i, 0] * wj) < 0


@inline
def _keeps(
    points: NDArray, i: int, j: int, k: int, ei: float, ej: float, ek: float, last: int
) -> bool:
    """Whether a pixel centre inside or on the edges belongs to the triangle."""
    sign = ei + ej + ek
    return sign != 0 and not (
        (ei == 0 and not _owns(points, j, k, sign, last))
        or (ej == 0 and not _owns(points, k, i, sign, last))
        or (ek == 0 and not _owns(points, i, j, sign, last))
    )


@inline
def _put(out: NDArray, row: int, column: int, u: float, v: float, z: float, number: int) -> None:
    """Write a pixel unless what it holds is nearer; the lower id wins a tie."""
    near = np.float32(z)
    before, depth = out[row, column, 3], out[row, column, 2]
    if abs(near) > 1 or (before > 0 and not (near < depth or (near == depth and number < before))):
        return
    out[row, column, 0] = u
    out[row, column, 1] = v
    out[row, column, 2] = near
    out[row, column, 3] = number


@inline
def _write(
    screen: NDArray, tri: NDArray, candidates: NDArray, kept: int, functions: NDArray, out: NDArray
) -> None:
    for n in range(kept):
        t = np.uint64(candidates[n] >> 32)
        row = np.uint64((candidates[n] >> 16) & 65535)
        column = np.uint64(candidates[n] & 65535)
        ei, ej, ek = functions[n, 0], functions[n, 1], functions[n, 2]
        i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
        if (ei == 0 or ej == 0 or ek == 0) and not _keeps(screen, i, j, k, ei, ej, ek, -1):
            continue
        bi, bj, bk = ei * screen[i, 3], ej * screen[j, 3], ek * screen[k, 3]
        area, total = ei + ej + ek, bi + bj + bk
        inverse = 1.0 / (area * total)
        z = (ei * screen[i, 2] + ej * screen[j, 2] + ek * screen[k, 2]) * total * inverse
        inverse *= area
        _put(out, row, column, bi * inverse, bj * inverse, z, np.int64(t) + 1)


@inline
def _fill_homogeneous(pos: NDArray, i: int, j: int, k: int, number: int, out: NDArray) -> None:
    """Test every pixel of the image against a triangle that has no screen positions."""
    height, width = out.shape[0], out.shape[1]
    xi, yi, wi = np.float64(pos[i, 0]), np.float64(pos[i, 1]), np.float64(pos[i, 3])
    xj, yj, wj = np.float64(pos[j, 0]), np.float64(pos[j, 1]), np.float64(pos[j, 3])
    xk, yk, wk = np.float64(pos[k, 0]), np.float64(pos[k, 1]), np.float64(pos[k, 3])
    for row in range(height):
        fy = 1.0 - (2 * row + 1) / height
        aiy, ajy, aky = yi - fy * wi, yj - fy * wj, yk - fy * wk
        for column in range(width):
            fx = (2 * column + 1) / width - 1.0
            aix, ajx, akx = xi - fx * wi, xj - fx * wj, xk - fx * wk
            ei, ej, ek = ajx * aky - ajy * akx, akx * aiy - aky * aix, aix * ajy - aiy * ajx
            if min(min(ei, ej), ek) < 0 and max(max(ei, ej), ek) > 0:
                continue
            w = ei * wi + ej * wj + ek * wk
            total = ei + ej + ek
            if w * total > 0 and _keeps(pos, i, j, k, ei, ej, ek, 3):
                z = (ei * pos[i, 2] + ej * pos[j, 2] + ek * pos[k, 2]) / w
                _put(out, row, column, ei / total, ej / total, z, number)


@inline
def _fill_missing(pos: NDArray, tri: NDArray, screen: NDArray, out: NDArray) -> None:
    """The triangles with a vertex that has no screen position, unless something is not finite."""
    for t in range(tri.shape[0]):
        i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
        if math.isnan(screen[i, 0] + screen[j, 0] + screen[k, 0]):
            total = 0.0
            for c in range(4):
                total += abs(pos[i, c]) + abs(pos[j, c]) + abs(pos[k, c])
            if math.isfinite(total):
                _fill_homogeneous(pos, i, j, k, t + 1, out)


@kernel
def rasterize_images(pos: NDArray, tri: NDArray, out: NDArray, first: int, last: int) -> None:
    """Rasterize the images first..last-1: pos (B,V,4), tri (T,3) int32 into out (B,H,W,4)."""
    height, width = out.shape[1], out.shape[2]
    screen = np.empty((pos.shape[1], 4), np.float32)
    boxes = np.empty((tri.shape[0], 4), np.int32)
    candidates = np.empty(max(_CANDIDATES, width), np.int64)
    functions = np.empty((len(candidates), 3), np.float64)
    for b in range(first, last):
        out[b] = 0
        missing = _project(pos[b], height, width, screen)
        _box(screen, tri, height, width, boxes)
        t = row = 0
        while t < tri.shape[0]:
            t, row, count = _list_candidates(boxes, t, row, candidates)
            kept = _keep_inside(screen, tri, height, width, candidates, count, functions)
            _write(screen, tri, candidates, kept, functions, out[b])
        if missing > 0:
            _fill_missing(pos[b], tri, screen, out[b])
