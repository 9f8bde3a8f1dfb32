"""Which triangle each pixel sees: z-buffered rasterization, one pass per image.

With a_i the vertex i relative to the pixel centre, the edge functions e_0 = a_1 x a_2,
e_1 = a_2 x a_0, e_2 = a_0 x a_1 have one sign inside. Swapping an edge's ends changes nothing but
the sign, in floating point too, and the products of float32 differences are exact in float64: all
triangles agree on every vertex and edge, so a closed sheet has no holes. In screen coordinates
e_i / w_i is proportional to the perspective-correct barycentric b_i; in homogeneous ones,
a_i = (x_i - f_x w_i, y_i - f_y w_i), e_i itself is, behind the camera as well (Olano and Greer
1997, "Triangle scan conversion using 2D homogeneous coordinates").

Most triangles of a dense mesh cover about a pixel, so mispredicted branches cost more than
arithmetic. Hence the steps: project the vertices; then, in blocks of triangles that the first-level
cache holds, collect the corners, box them, test the first 2 x 2 pixels of every box (loops without
branches, which the compiler vectorizes) and write the pixels found. Boxes up to 4 x 4 are put aside
and go the same way afterwards; larger triangles go row by row, over the span that can be inside.

The kernel and its helpers stand in one file: numba's cache looks at the age of no other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

_BLOCK = 256
"""Triangles to a block: corners, boxes and masks take 11 KB, the list of pixels 32."""

_NARROW = 8
"""Boxes up to so many columns are tested whole: finding a row's span costs more."""

_SLACK = 1e-3
"""Pixels by which a row's span is widened: more than float32 loses within `_SPANNED` pixels."""

_SPANNED = 4096.0
"""Rows of triangles with a corner farther from the image's centre are tested whole."""

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
def _collect(screen: NDArray, tri: NDArray, ids: NDArray, corners: NDArray) -> None:
    """The corners' columns and rows of triangles: (6,N), x and y of the first, second, third."""
    for n in range(ids.shape[0]):
        t = np.uint32(ids[n])
        i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
        corners[0, n], corners[1, n] = screen[i, 0], screen[i, 1]
        corners[2, n], corners[3, n] = screen[j, 0], screen[j, 1]
        corners[4, n], corners[5, n] = screen[k, 0], screen[k, 1]


@inline
def _box(corners: NDArray, count: int, height: int, width: int, boxes: NDArray) -> None:
    """First and last column, first and last row of pixel centres in each triangle's box: (4,N)."""
    zero, one = np.float32(0), np.float32(1)
    cx, cy = np.float32(0.5 * (width - 1)), np.float32(0.5 * (height - 1))
    right, bottom = np.float32(width), np.float32(height)
    for n in range(count):
        xi, xj, xk = corners[0, n], corners[2, n], corners[4, n]
        yi, yj, yk = corners[1, n], corners[3, n], corners[5, n]
        x0 = min(max(min(min(xi, xj), xk) + cx, zero), right)
        y0 = min(max(min(min(yi, yj), yk) + cy, zero), bottom)
        # One more and one less, so that truncation rounds down from -1 on.
        x1 = max(min(max(max(xi, xj), xk) + cx + one, right), zero)
        y1 = max(min(max(max(yi, yj), yk) + cy + one, bottom), zero)
        bad = math.isnan(xi + xj + xk)
        x0 = zero if bad else x0
        x1 = zero if bad else x1
        ix, iy = np.int32(x0), np.int32(y0)
        boxes[0, n] = ix + np.int32(np.float32(ix) < x0)
        boxes[1, n] = np.int32(x1) - np.int32(1)
        boxes[2, n] = iy + np.int32(np.float32(iy) < y0)
        boxes[3, n] = np.int32(y1) - np.int32(1)


@inline
def _edges(
    xi: float, yi: float, xj: float, yj: float, xk: float, yk: float, px: float, py: float
) -> tuple[float, float, float]:
    """The edge functions of a triangle, all float32, at a pixel centre."""
    ax, ay = np.float64(xi - px), np.float64(yi - py)
    bx, by = np.float64(xj - px), np.float64(yj - py)
    cx, cy = np.float64(xk - px), np.float64(yk - py)
    return bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx


@inline
def _test(
    corners: NDArray, boxes: NDArray, count: int, bits: int, height: int, width: int, masks: NDArray
) -> None:
    """Which of the first 2**bits x 2**bits pixels of each box lie within, edges included.

    Bit row << bits | column of masks (N).
    """
    cx, cy = np.float32(0.5 * (width - 1)), np.float32(0.5 * (height - 1))
    masks[:count] = 0
    for pixel in range(1 << 2 * bits):
        column, row = np.int32(pixel & ((1 << bits) - 1)), np.int32(pixel >> bits)
        bit = np.int32(1 << pixel)
        for n in range(count):
            x, y = boxes[0, n] + column, boxes[2, n] + row
            ei, ej, ek = _edges(
                corners[0, n], corners[1, n], corners[2, n],
                corners[3, n], corners[4, n], corners[5, n],
                np.float32(x) - cx, np.float32(y) - cy,
            )  # fmt: skip
            inside = (min(min(ei, ej), ek) >= 0) | (max(max(ei, ej), ek) <= 0)
            masks[n] |= bit * np.int32(inside & (x <= boxes[1, n]) & (y <= boxes[3, n]))


@inline
def _widen(
    xa: float, ya: float, xb: float, yb: float, y: float, low: float, high: float
) -> tuple[float, float]:
    """Widen low..high by the x that an edge has within `_SLACK` of row y."""
    if max(ya, yb) < y - _SLACK or min(ya, yb) > y + _SLACK:
        return low, high
    # Infinite or NaN on a level edge: all of it counts then.
    slope = 1.0 / np.float64(yb - ya)
    before, after = (y - _SLACK - ya) * slope, (y + _SLACK - ya) * slope
    near, far = min(before, after), max(before, after)
    near, far = (near if near > 0 else np.float64(0)), (far if far < 1 else np.float64(1))
    xs, xe = xa + near * (xb - xa), xa + far * (xb - xa)
    return min(low, min(xs, xe)), max(high, max(xs, xe))


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
def _write(screen: NDArray, tri: NDArray, pixels: NDArray, count: int, out: NDArray) -> None:
    """Write the listed pixels, unless the edge they lie on is another triangle's."""
    cx, cy = np.float32(0.5 * (out.shape[1] - 1)), np.float32(0.5 * (out.shape[0] - 1))
    for n in range(count):
        t = np.uint64(pixels[n] >> 32)
        row, column = np.uint64((pixels[n] >> 16) & 65535), np.uint64(pixels[n] & 65535)
        i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
        ei, ej, ek = _edges(
            screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1],
            np.float32(column) - cx, np.float32(row) - cy,
        )  # fmt: skip
        if (ei == 0 or ej == 0 or ek == 0) and not _keeps(screen, i, j, k, ei, ej, ek, -1):
            continue
        bi, bj, bk = ei * screen[i, 3], ej * screen[j, 3], ek * screen[k, 3]
        area, total = ei + ej + ek, bi + bj + bk
        inverse = 1.0 / (area * total)
        z = (ei * screen[i, 2] + ej * screen[j, 2] + ek * screen[k, 2]) * total * inverse
        inverse *= area
        _put(out, row, column, bi * inverse, bj * inverse, z, np.int64(t) + 1)


@inline
def _list(ids: NDArray, boxes: NDArray, masks: NDArray, bits: int, pixels: NDArray) -> int:
    """List the pixels of `masks`, triangle << 32 | row << 16 | column; returns how many.

    Every pixel is written down, and those that count keep their place: no branches.
    """
    listed = 0
    for n in range(ids.shape[0]):
        mask = masks[n]
        base = (np.int64(ids[n]) << 32) | (np.int64(boxes[2, n]) << 16) | np.int64(boxes[0, n])
        for pixel in range(1 << 2 * bits):
            row, column = pixel >> bits, pixel & ((1 << bits) - 1)
            pixels[np.uint64(listed)] = base + (row << 16) + column
            listed += (mask >> pixel) & 1
    return listed


@inline
def _put_aside(
    ids: NDArray, boxes: NDArray, masks: NDArray, aside: NDArray, medium: int, large: int
) -> tuple[int, int]:
    """Empty the masks of boxes above 2 x 2 and note their triangles.

    Those up to 4 x 4 come to the front of `aside`, behind the `medium` that are there, the rest to
    its end, before the `large`; returns both numbers.
    """
    for n in range(ids.shape[0]):
        wide, tall = boxes[1, n] - boxes[0, n], boxes[3, n] - boxes[2, n]
        side = max(wide, tall)
        some = (min(wide, tall) >= 0) & (side > 1)
        if some:
            masks[n] = 0
            if side < 4:
                aside[medium] = ids[n]
                medium += 1
            else:
                large += 1
                aside[aside.shape[0] - large] = ids[n]
    return medium, large


@inline
def _fill_rows(
    screen: NDArray,
    tri: NDArray,
    t: int,
    box: NDArray,
    pixels: NDArray,
    listed: int,
    out: NDArray,
) -> int:
    """List the pixels of triangle t in its box, row by row, behind those `listed`.

    Writes what is listed where the room would not do; returns how many are listed now.
    """
    cx, cy = np.float32(0.5 * (out.shape[1] - 1)), np.float32(0.5 * (out.shape[0] - 1))
    i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
    xi, yi, xj, yj = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1]
    xk, yk = screen[k, 0], screen[k, 1]
    x0, x1, y0, y1 = box[0], box[1], box[2], box[3]
    reach = max(max(abs(xi), abs(yi)), max(max(abs(xj), abs(yj)), max(abs(xk), abs(yk))))
    spanned = x1 - x0 >= _NARROW and reach <= _SPANNED
    for row in range(y0, y1 + 1):
        py = np.float32(row) - cy
        first, last = x0, x1
        if spanned:
            low, high = np.inf, -np.inf
            low, high = _widen(xi, yi, xj, yj, py, low, high)
            low, high = _widen(xj, yj, xk, yk, py, low, high)
            low, high = _widen(xk, yk, xi, yi, py, low, high)
            first = max(x0, math.ceil(max(low + cx - _SLACK, 0.0)))
            last = min(x1, math.floor(max(high + cx + _SLACK, -1.0)))
        if listed + last - first >= pixels.shape[0]:
            _write(screen, tri, pixels, listed, out)
            listed = 0
        base = (np.int64(t) << 32) | (np.int64(row) << 16)
        for column in range(first, last + 1):
            ei, ej, ek = _edges(xi, yi, xj, yj, xk, yk, np.float32(column) - cx, py)
            pixels[np.uint64(listed)] = base | np.int64(column)
            listed += int((min(min(ei, ej), ek) >= 0) | (max(max(ei, ej), ek) <= 0))
    return listed


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
    height, width, triangles = out.shape[1], out.shape[2], tri.shape[0]
    screen = np.empty((pos.shape[1], 4), np.float32)
    everyone, aside = np.arange(triangles, dtype=np.int32), np.empty(triangles, np.int32)
    corners = np.empty((6, _BLOCK), np.float32)
    boxes = np.empty((4, _BLOCK), np.int32)
    masks = np.empty(_BLOCK, np.int32)
    pixels = np.empty(16 * _BLOCK + 16 + width, np.int64)
    for b in range(first, last):
        image = out[b]
        image[:] = 0
        missing = _project(pos[b], height, width, screen)
        medium = large = np.int64(0)  # no literals: each would compile its helpers once more
        for start in range(0, triangles, _BLOCK):
            ids = everyone[start : start + _BLOCK]
            _collect(screen, tri, ids, corners)
            _box(corners, len(ids), height, width, boxes)
            _test(corners, boxes, len(ids), 1, height, width, masks)
            medium, large = _put_aside(ids, boxes, masks, aside, medium, large)
            _write(screen, tri, pixels, _list(ids, boxes, masks, 1, pixels), image)
        for start in range(0, medium, _BLOCK):
            ids = aside[start : min(start + _BLOCK, medium)]
            _collect(screen, tri, ids, corners)
            _box(corners, len(ids), height, width, boxes)
            _test(corners, boxes, len(ids), 2, height, width, masks)
            _write(screen, tri, pixels, _list(ids, boxes, masks, 2, pixels), image)
        listed = np.int64(0)
        for start in range(triangles - large, triangles, _BLOCK):
            ids = aside[start : start + _BLOCK]
            _collect(screen, tri, ids, corners)
            _box(corners, len(ids), height, width, boxes)
            for n in range(len(ids)):
                listed = _fill_rows(screen, tri, ids[n], boxes[:, n], pixels, listed, image)
        _write(screen, tri, pixels, listed, image)
        if missing > 0:
            _fill_missing(pos[b], tri, screen, image)
