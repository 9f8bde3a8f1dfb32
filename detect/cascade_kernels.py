"""Kernels of the cascade: averages over rectangles from a table of sums, and greedy suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.jit import kernel

Array = NDArray[Any]


@kernel
def sum_table(image: Array, table: Array) -> None:
    """Write into table (H+1,W+1,3) the sums of image (H,W,3) above and to the left."""
    table[0] = 0
    row_sum = np.zeros(3, np.int64)
    for row in range(image.shape[0]):
        row_sum[:] = 0
        for c in range(3):
            table[row + 1, 0, c] = 0
        for column in range(image.shape[1]):
            for c in range(3):
                row_sum[c] += image[row, column, c]
                table[row + 1, column + 1, c] = table[row, column + 1, c] + row_sum[c]


@kernel
def average_parts(table: Array, parts: Array, out: Array) -> None:
    """Resample rectangles of an image by averages, as numbers of -1 to 1.

    Pixel i of n is the mean of the rectangle's pixels from floor(i s / n) to ceil((i + 1) s / n), s
    its side, as in `torch.nn.functional.interpolate` of mode "area".

    Args:
        table: of `sum_table`.
        parts: (N,4) int64 x0, y0, x1, y1, the ends not included, within the image and not empty.
        out: (N,h,w,3) float32.
    """
    height, width = out.shape[1], out.shape[2]
    for n in range(parts.shape[0]):
        x0, y0 = parts[n, 0], parts[n, 1]
        wide, tall = parts[n, 2] - x0, parts[n, 3] - y0
        for row in range(height):
            top = y0 + row * tall // height
            bottom = y0 + ((row + 1) * tall + height - 1) // height
            for column in range(width):
                left = x0 + column * wide // width
                right = x0 + ((column + 1) * wide + width - 1) // width
                scale = 1.0 / ((bottom - top) * (right - left))
                for c in range(3):
                    total = np.int64(table[bottom, right, c]) - table[top, right, c]
                    total += np.int64(table[top, left, c]) - table[bottom, left, c]
                    out[n, row, column, c] = (total * scale - 127.5) * 0.0078125


@kernel
def suppress(boxes: Array, order: Array, limit: float, by_smaller: bool, kept: Array) -> int:
    """Greedy non-maximum suppression; the number of boxes kept.

    Args:
        boxes: (N,4) float32 x0, y0, x1, y1.
        order: (N,) their indices, the best first.
        limit: a box is dropped where what it shares with a kept one is a larger part of their
            union; with `by_smaller`, of the smaller of both, sides counted with both end pixels.
        kept: (N,) receives the indices of those kept.
    """
    extra = np.float32(1 if by_smaller else 0)
    count = 0
    for n in range(order.shape[0]):
        i = order[n]
        area = (boxes[i, 2] - boxes[i, 0] + extra) * (boxes[i, 3] - boxes[i, 1] + extra)
        good = True
        for m in range(count):
            k = kept[m]
            wide = min(boxes[i, 2], boxes[k, 2]) - max(boxes[i, 0], boxes[k, 0]) + extra
            tall = min(boxes[i, 3], boxes[k, 3]) - max(boxes[i, 1], boxes[k, 1]) + extra
            shared = max(wide, np.float32(0)) * max(tall, np.float32(0))
            other = (boxes[k, 2] - boxes[k, 0] + extra) * (boxes[k, 3] - boxes[k, 1] + extra)
            whole = min(area, other) if by_smaller else area + other - shared
            if shared > limit * whole:
                good = False
                break
        if good:
            kept[count] = i
            count += 1
    return count
