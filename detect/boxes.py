"""Boxes and pictures that both passes of a detector need.

Of boxes that overlap the best one is left (non-maximum suppression), and large photographs are
averaged over blocks of pixels before anything looks at them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_AT_ONCE = 4_000_000  # pixels that are averaged at once
_ENOUGH = 0.4  # overlap with a better box that makes one superfluous
_MOST = 3000  # boxes that are looked at, the best


def averaged(image: np.ndarray, block: int) -> tuple[Image.Image, tuple[int, int]]:
    """The means of blocks of block x block pixels, and which part of the image they cover.

    They are made strip by strip, as Pillow copies what it is given.

    Args:
        image: (H,W,3) uint8; may be a view in any order.
        block: 1 or more; larger than the image counts as its shorter side.

    Returns:
        The picture, and (width, height) of the part: what is left over at the right and lower
        border, less than a block, is left out.
    """
    height, width = image.shape[:2]
    block = max(1, min(block, height, width))
    if block == 1:
        return Image.fromarray(np.ascontiguousarray(image)), (width, height)
    width, height = width // block * block, height // block * block
    rows = max(1, _AT_ONCE // (width * block)) * block
    strips = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[y : min(y + rows, height), :width])).reduce(
                block
            )
        )
        for y in range(0, height, rows)
    ]
    return Image.fromarray(np.concatenate(strips)), (width, height)


def suppressed(
    scores: NDArray[np.float32], boxes: NDArray[np.float32], overlap: float = _ENOUGH
) -> NDArray[np.int64]:
    """Non-maximum suppression: of boxes that overlap, the one with the best score is left.

    Args:
        scores: (N,), any scale.
        boxes: (N,4) x0, y0, x1, y1 in pixels.
        overlap: intersection over union from which on a worse box is dropped.

    Returns:
        Row numbers of the boxes that are left, the best first; at most 3,000 are looked at.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], np.float32)
        >>> suppressed(np.array([0.7, 0.9, 0.8], np.float32), boxes).tolist()
        [1, 2]
    """
    order = np.argsort(-scores, kind="stable")[:_MOST]
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    kept: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[order, :2], boxes[best, :2])
        high = np.minimum(boxes[order, 2:], boxes[best, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        union = np.maximum(area[order] + area[best] - shared, 1e-9)
        order = order[shared / union < overlap]
    return np.array(kept, np.int64)
