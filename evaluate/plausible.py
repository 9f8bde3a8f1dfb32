"""Predictions that are in another order or frame than the truth: named, not scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.landmarks import IBUG68_MIRROR

Array = NDArray[np.float64]
_FAR = 0.3  # median error over the face's size from which a reason is looked for
_NEAR = 0.15  # the same, of the right reading
_LOOKED_AT = 200  # images


def refuse_other_order(name: str, landmarks: Array, truth: Array) -> None:
    """Refuse landmarks that fit once they are put into another order.

    Bad predictions are no matter: they fit in no order.

    Args:
        name: of the file, for messages.
        landmarks: (N,3,68) predicted, NaN where an image failed. truth: (N,3,68).

    Raises:
        InputError: x and y, the subject's left and right, or the images are exchanged.
    """
    rows = np.flatnonzero(~np.isnan(landmarks[:, :2]).any((1, 2)))[:_LOOKED_AT]
    own, true = landmarks[rows, :2], truth[rows, :2]
    if len(rows) < 3 or _error(own, true) < _FAR:
        return
    mirror = list(IBUG68_MIRROR)
    for what, other, remedy in (
        ("x, y", own[:, ::-1], "Exchange them: landmarks[:, [1, 0, 2]]."),
        ("the subject's right before the left", own[:, :, mirror], "See geometry/conventions.md."),
    ):
        if _error(other, true) < _NEAR:
            raise InputError(f"{name}: landmarks", what, "these exchanged", remedy)
    if _error(own[_nearest(own, true)], true) < _NEAR:
        remedy = "Add an array `names` with the file names of its rows."
        raise InputError(f"{name}: rows", "the data set's order", "another one", remedy)


def _error(own: Array, true: Array) -> float:
    """Median over images of the mean distance, in parts of the face's size."""
    size = np.sqrt(np.prod(np.ptp(true, axis=2), axis=1))
    return float(np.median(np.linalg.norm(own - true, axis=1).mean(1) / np.maximum(size, 1e-9)))


def _nearest(own: Array, true: Array) -> NDArray[np.int64]:
    """For every true face (N,2,K) the predicted one that is nearest to it."""
    flat, wanted = own.reshape(len(own), -1), true.reshape(len(true), -1)
    return np.array([int(np.square(flat - row).sum(1).argmin()) for row in wanted], np.int64)
