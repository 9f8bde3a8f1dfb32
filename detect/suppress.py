"""Of boxes that overlap the best one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ENOUGH = 0.4  # overlap with a better box that makes one superfluous
_MOST = 3000  # boxes that are looked at, the best


def suppressed(
    scores: NDArray[np.float32], boxes: NDArray[np.float32], overlap: float = _ENOUGH
) -> NDArray[np.int64]:
    """The numbers of the boxes that are left, best first.

    Args:
        scores: (N,). boxes: (N,4) x0, y0, x1, y1.
        overlap: intersection over union from which on a worse box is dropped.
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
