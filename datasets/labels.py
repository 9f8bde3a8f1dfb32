"""What crops of rendered faces show, place by place and point by point, from packed labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape
from ..geometry.segments import Segment
from .augment import Rectangles
from .warp import compiled, to_pictures

CELL = 4
"""Pixels of a crop from one place of its segmentation to the next."""


def warp_labels(packed: NDArray[np.uint8], frames: Tensor, size: int, reflected: Tensor) -> Tensor:
    """The classes of crops, each place that of the pixel which its middle falls into.

    Args:
        packed: (B,H,W/2) uint8, two classes to a byte, the left pixel's in the high four bits.
        frames: (B,2,3), picture to crop pixels.
        size: side of the crops in pixels, a multiple of `CELL`.
        reflected: (B,) bool, what lies outside a picture is its mirror image; else background.

    Returns:
        (B,size/4,size/4) int64.

    Raises:
        InputError: not uint8, a wrong shape or size, no pixels, or maps without an inverse.
    """
    if packed.dtype != np.uint8 or packed.ndim != 3 or 0 in packed.shape[1:]:
        raise InputError("packed", "(B,H,W/2) uint8", f"{packed.shape} {packed.dtype}")
    if size % CELL:
        raise InputError("size", f"a multiple of {CELL}", str(size))
    check_shape("reflected", reflected, (len(packed),))
    back = to_pictures(frames, len(packed))
    out = np.empty((len(packed), size // CELL, size // CELL), np.int64)
    _warp_labels(packed, back, reflected.numpy(), int(Segment.BACKGROUND), CELL, out)
    return torch.from_numpy(out)


def seen_points(bits: NDArray[np.uint8], vertices: Tensor) -> Tensor:
    """Bits (B,ceil(V/8)), as numpy.packbits makes them, of `vertices` (N,) int64: (B,N) bool.

    Raises:
        InputError: there are fewer vertices.
    """
    if len(vertices) and int(vertices.max()) >= 8 * bits.shape[1]:
        got = f"{8 * bits.shape[1]} at most"
        raise InputError("visible_vertices", f"bits of {int(vertices.max()) + 1} vertices", got)
    picked = torch.from_numpy(bits[:, (vertices // 8).numpy()])
    return (picked >> (7 - vertices % 8).to(torch.uint8) & 1).bool()


def cover_labels(
    points: Tensor, visible: Tensor | None, segments: Tensor | None, covers: Rectangles
) -> None:
    """Mark, in place, what rectangles painted over crops hide: nothing is seen through them.

    Args:
        points: (B,N,3) in half sides of the crop from its middle.
        visible: (B,N) bool or None. segments: (B,S,S) classes or None.
        covers: of the B crops.
    """
    for k in torch.nonzero(covers.chosen)[:, 0].tolist():
        top, bottom, left, right = covers.edges(k)
        if visible is not None:
            x, y = (points[k, :, :2].T + 1) / 2
            visible[k] &= ~((y >= top) & (y < bottom) & (x >= left) & (x < right))
        if segments is not None:
            side = segments.shape[1]
            rows = (torch.arange(side) + 0.5) / side
            inside = ((rows >= top) & (rows < bottom))[:, None] & (rows >= left) & (rows < right)
            segments[k][inside] = int(Segment.OCCLUDER)


@compiled
def _warp_labels(packed: Any, back: Any, reflected: Any, empty: Any, cell: Any, out: Any) -> None:  # noqa: ANN401
    count, height, half_width = packed.shape
    width, side = 2 * half_width, out.shape[1]
    for b in range(count):
        m = back[b]
        for row in range(side):
            v = np.float32(row * cell) + np.float32(0.5 * cell)
            for column in range(side):
                u = np.float32(column * cell) + np.float32(0.5 * cell)
                x = int(np.floor(m[0, 0] * u + m[0, 1] * v + m[0, 2]))
                y = int(np.floor(m[1, 0] * u + m[1, 1] * v + m[1, 2]))
                if not (x >= 0 and y >= 0 and x < width and y < height):
                    if not reflected[b]:
                        out[b, row, column] = empty
                        continue
                    x, y = x % (2 * width), y % (2 * height)
                    x, y = min(x, 2 * width - 1 - x), min(y, 2 * height - 1 - y)
                byte = packed[b, y, x // 2]
                out[b, row, column] = byte & 15 if x % 2 else byte >> 4
