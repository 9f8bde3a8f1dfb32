"""Compiled loops between a map and coarser ones of it: the levels of a pyramid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

Floats = NDArray[np.float32]

_HALF, _ONE = np.float32(0.5), np.float32(1.0)


@kernel
def halve(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted means (h,w,C) of 2x2 cells, and how well they are known (h,w) in [0,1]."""
    height, width = (weight.shape[0] + 1) // 2, (weight.shape[1] + 1) // 2
    channels = values.shape[2]
    mean = np.zeros((height, width, channels), np.float32)
    known = np.zeros((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            total = np.float32(0.0)
            for r in range(2 * y, min(2 * y + 2, weight.shape[0])):
                for q in range(2 * x, min(2 * x + 2, weight.shape[1])):
                    w = weight[r, q]
                    if w != 0:
                        total += w
                        for c in range(channels):
                            mean[y, x, c] += w * values[r, q, c]
            if total > 0:
                for c in range(channels):
                    mean[y, x, c] /= total
            known[y, x] = min(total, _ONE)
    return mean, known


@kernel
def pull(values: Floats, weight: Floats, coarse: Floats) -> None:
    """Blend the coarser level (bilinear) into `values` (h,w,C) where `weight` is below 1."""
    height, width = weight.shape
    for y in range(height):
        top, bottom, ay = between(y, 2, coarse.shape[0])
        for x in range(width):
            w = weight[y, x]
            if w >= 1:
                continue
            left, right, ax = between(x, 2, coarse.shape[1])
            for c in range(values.shape[2]):
                upper = coarse[top, left, c] * (_ONE - ax) + coarse[top, right, c] * ax
                lower = coarse[bottom, left, c] * (_ONE - ax) + coarse[bottom, right, c] * ax
                own = upper * (_ONE - ay) + lower * ay
                values[y, x, c] = values[y, x, c] * w + own * (_ONE - w)


@kernel
def shrink(image: Floats, cell: int, small: Floats) -> None:
    """Means of an image (h*cell,w*cell,C) over cells of texels, into (h,w,C)."""
    share = np.float32(1.0 / (cell * cell))
    for y in range(small.shape[0]):
        small[y] = 0
        for r in range(cell * y, cell * y + cell):
            for x in range(small.shape[1]):
                for q in range(cell * x, cell * x + cell):
                    for c in range(small.shape[2]):
                        small[y, x, c] += image[r, q, c] * share


@kernel
def enlarge(small: Floats, cell: int, image: Floats) -> None:
    """Fill an image (H,W,C) with the bilinear values of means (h,w,C) over its cells."""
    row = np.empty((small.shape[1] + 1, small.shape[2]), np.float32)
    shares = _shares(cell)
    for y in range(image.shape[0]):
        blend_rows(small, y, cell, row)
        for x in range(image.shape[1]):
            first = (x + cell // 2) // cell
            left = max(first - 1, 0)
            share = shares[x % cell]
            for c in range(image.shape[2]):
                image[y, x, c] = row[left, c] + share * (row[first, c] - row[left, c])


@kernel
def touch(own: NDArray[np.bool_], cell: int, touched: NDArray[np.bool_]) -> None:
    """Mark the cells (h,w) that hold any texel of a part (H,W)."""
    for y in range(touched.shape[0]):
        for x in range(touched.shape[1]):
            found = False
            for r in range(cell * y, min(cell * y + cell, own.shape[0])):
                for q in range(cell * x, min(cell * x + cell, own.shape[1])):
                    found = found or own[r, q]
            touched[y, x] = found


@kernel
def lower(weight: Floats, small: Floats, cell: int) -> None:
    """Lower a weight (H,W) to the bilinear values of means (h,w) over its cells."""
    rows = small.reshape(small.shape[0], small.shape[1], 1)
    row = np.empty((small.shape[1] + 1, 1), np.float32)
    shares = _shares(cell)
    for y in range(weight.shape[0]):
        blend_rows(rows, y, cell, row)
        for x in range(weight.shape[1]):
            if weight[y, x] > 0:
                first = (x + cell // 2) // cell
                left = max(first - 1, 0)
                most = row[left, 0] + shares[x % cell] * (row[first, 0] - row[left, 0])
                weight[y, x] = min(weight[y, x], most)


@inline
def between(place: int, cell: int, count: int) -> tuple[int, int, np.float32]:
    """The two of `count` cells between whose middles a texel lies, and the second one's share."""
    second = (place + cell // 2) // cell
    share = (np.float32(place) + _HALF) / np.float32(cell) + _HALF - np.float32(second)
    return max(second - 1, 0), min(second, count - 1), share


@inline
def _shares(cell: int) -> Floats:
    """The second cell's share (cell,) for each texel of a cell."""
    shares = np.empty(cell, np.float32)
    for place in range(cell):
        shares[place] = between(place, cell, 2)[2]
    return shares


@inline
def blend_rows(small: Floats, place: int, cell: int, row: Floats) -> None:
    """The row (w,C) of an image's texels between two rows of means (h,w,C); its last one twice."""
    top, bottom, share = between(place, cell, small.shape[0])
    last = small.shape[1]
    for x in range(last + 1):
        for c in range(small.shape[2]):
            upper, under = small[top, min(x, last - 1), c], small[bottom, min(x, last - 1), c]
            row[x, c] = upper + share * (under - upper)
