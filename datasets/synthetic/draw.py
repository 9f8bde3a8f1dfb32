"""Which triangle each pixel sees: culling, and one pass over the rows of what is left.

A leaner way than the renderer's own rasterizer, of which a picture needs neither gradients nor
barycentrics at hidden pixels: about half its time. tests hold it to that rasterizer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

Array = NDArray[Any]

SUPERSAMPLING = 2
_SPANS = 1024


@dataclass(frozen=True)
class Layer:
    """What one mesh shows at each pixel.

    Attributes:
        ids: (H,W) int32, number of the triangle + 1, 0 where none is.
        depth: (H,W) z/w, larger is farther, 1 where no triangle is.
        screen: (n,4) column and row of the vertices (whole numbers are pixel centres), z/w, 1/w.
        faces: (f,3) int32, the triangles.
        source: (f,) int32, what number each triangle had before hidden ones were left out.
    """

    ids: Array
    depth: Array
    screen: Array
    faces: Array
    source: Array


@kernel
def _project(clip: Array, size: float, out: Array) -> None:
    half, middle = np.float32(0.5) * size, np.float32(0.5) * size - np.float32(0.5)
    for v in range(len(clip)):
        inverse = np.float32(1) / clip[v, 3]
        out[v, 0] = middle + clip[v, 0] * inverse * half
        out[v, 1] = middle - clip[v, 1] * inverse * half
        out[v, 2] = clip[v, 2] * inverse
        out[v, 3] = inverse


def project(clip: Array, size: int) -> NDArray[np.float32]:
    """`Layer.screen` of vertices (n,4) in clip space, all of them with w > 0."""
    out = np.empty((len(clip), 4), np.float32)
    _project(clip, np.float32(size), out)
    return out


@kernel
def _facing(screen: Array, closed: Array, other: Array, out: Array, source: Array) -> int:
    """Copy the closed faces that turn to the camera, and all others, into out; number them."""
    count = 0
    for f in range(len(closed)):
        i, j, k = closed[f, 0], closed[f, 1], closed[f, 2]
        ax, ay = screen[j, 0] - screen[i, 0], screen[j, 1] - screen[i, 1]
        bx, by = screen[k, 0] - screen[i, 0], screen[k, 1] - screen[i, 1]
        out[count, 0], out[count, 1], out[count, 2] = i, j, k
        source[count] = f
        count += int(ax * by < bx * ay)  # rows count downwards
    for f in range(len(other)):
        out[count, 0], out[count, 1], out[count, 2] = other[f, 0], other[f, 1], other[f, 2]
        source[count] = len(closed) + f
        count += 1
    return count


def front_faces(
    screen: Array, closed: Array, other: Array
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The faces (n,3) that can be seen, those of `closed` (f,3) bound solid bodies; their numbers
    (n,) in both, one after the other."""
    out = np.empty((len(closed) + len(other) + 1, 3), np.int32)
    source = np.empty(len(out), np.int32)
    count = _facing(screen, closed, other, out, source)
    return out[:count], source[:count]


@inline
def _list_spans(
    screen: Array, faces: Array, f: int, size: int, spans: Array, planes: Array
) -> tuple[int, int]:
    """List rows of pixels (triangle + 1, row, first, end) and their depth, from triangle f on.

    Each edge bounds the columns of a row from one side: a pixel belongs to a triangle from the
    first column at or right of its left edges to the last one left of its right edges. Returns the
    triangle to go on from and the number of rows.
    """
    n = 0
    while f < len(faces) and n + size <= len(spans):
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        xi, yi = np.float64(screen[i, 0]), np.float64(screen[i, 1])
        xj, yj = np.float64(screen[j, 0]), np.float64(screen[j, 1])
        xk, yk = np.float64(screen[k, 0]), np.float64(screen[k, 1])
        ax, ay, bx, by, cx, cy = xj - xi, yj - yi, xk - xi, yk - yi, xk - xj, yk - yj
        top = max(math.ceil(min(min(yi, yj), yk)), 0)
        end = min(math.ceil(max(max(yi, yj), yk)), size)
        left = max(math.ceil(min(min(xi, xj), xk)), 0.0)
        right = min(math.ceil(max(max(xi, xj), xk)), np.float64(size))
        area = ax * by - bx * ay
        inverse = 1.0 / area
        zi = np.float64(screen[i, 2])
        az, bz = screen[j, 2] - zi, screen[k, 2] - zi
        zx, zy = (az * by - bz * ay) * inverse, (bz * ax - az * bx) * inverse
        z0 = zi - yi * zy - xi * zx
        sa, sb, sc = ax / ay, bx / by, cx / cy
        wa, wb, wc = ay * inverse, -by * inverse, cy * inverse  # > 0: a right edge
        for row in range(top, end):
            a, b, c = xi + (row - yi) * sa, xi + (row - yi) * sb, xj + (row - yj) * sc
            high = min(min(right, a if wa > 0 else right),
                       min(b if wb > 0 else right, c if wc > 0 else right))  # fmt: skip
            low = max(max(left, a if wa < 0 else left),
                      max(b if wb < 0 else left, c if wc < 0 else left))  # fmt: skip
            spans[n, 0], spans[n, 1] = f + 1, row
            spans[n, 2], spans[n, 3] = math.ceil(low), math.ceil(high)
            planes[n, 0], planes[n, 1] = z0 + row * zy, zx
            n += int((spans[n, 3] > spans[n, 2]) & (area != 0))
        f += 1
    return f, n


@kernel
def _rasterize(screen: Array, faces: Array, ids: Array, depth: Array) -> None:
    """Nearest triangles of ids, depth (S,S); most cover about a pixel, hence few branches."""
    size = len(ids)
    spans = np.empty((max(_SPANS, 4 * size), 4), np.int32)
    planes = np.empty((len(spans), 2), np.float64)
    f = 0
    while f < len(faces):
        f, count = _list_spans(screen, faces, f, size, spans, planes)
        for n in range(count):
            row, start, slope = spans[n, 1], planes[n, 0], planes[n, 1]
            for column in range(spans[n, 2], spans[n, 3]):
                z = np.float32(start + column * slope)
                if z < depth[row, column]:
                    depth[row, column] = z
                    ids[row, column] = spans[n, 0]


def rasterize(screen: Array, faces: Array, size: int, source: Array | None = None) -> Layer:
    """Draw one mesh: screen (n,4) of `project`, faces (f,3) int32 and their numbers, if others."""
    ids, depth = np.zeros((size, size), np.int32), np.ones((size, size), np.float32)
    _rasterize(screen, faces, ids, depth)
    source = np.arange(len(faces), dtype=np.int32) if source is None else source
    return Layer(ids, depth, screen, faces, source)


@kernel
def _count_rows(screen: Array, faces: Array, size: int) -> int:
    """At least so many rows of pixels belong to the faces."""
    count = 0
    for f in range(len(faces)):
        yi, yj, yk = screen[faces[f, 0], 1], screen[faces[f, 1], 1], screen[faces[f, 2], 1]
        top = max(math.ceil(min(min(yi, yj), yk)), 0)
        count += max(min(math.ceil(max(max(yi, yj), yk)), size) - top, 0)
    return count


@kernel
def _all_spans(screen: Array, faces: Array, size: int, spans: Array, planes: Array) -> int:
    return _list_spans(screen, faces, 0, size, spans, planes)[1]


def rows_of(screen: Array, faces: Array, size: int) -> tuple[Array, Array]:
    """Rows of pixels of triangles in their order, for whoever paints them one over the other.

    Returns:
        (n,4) int32 triangle + 1, row, first column, end; (n,2) depth at column 0 and its slope.
    """
    rows = _count_rows(screen, faces, size) + size
    spans, planes = np.empty((rows, 4), np.int32), np.empty((rows, 2), np.float64)
    count = _all_spans(screen, faces, size, spans, planes)
    return spans[:count], planes[:count]
