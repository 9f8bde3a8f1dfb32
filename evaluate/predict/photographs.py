"""Running a predictor over photographs with a known box each.

Predictions whose points are in another order or frame than the truth are refused by name instead of
being scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.item_failure import Failed, FailureLog
from ...core.progress import progress_bar
from ...geometry.landmarks import IBUG68_MIRROR
from ...pipeline.predicted import PredictedFace
from .batches import Item, each_face
from .predicted import Box, Predictor
from .predictions import Predictions

Array = NDArray[np.float64]

_ANGLES = ("pitch", "yaw", "roll")

_FAR = 0.3  # median error over the face's size from which a reason is looked for
_NEAR = 0.15  # the same, of the right reading
_LOOKED_AT = 200  # images


def predict_landmarks(
    predictor: Predictor,
    items: Sequence[Item],
    *,
    points: Callable[[PredictedFace], Array],
    count: int = 68,
    log: FailureLog | None = None,
) -> Predictions:
    """Landmarks and pose of one face in every photograph.

    A photograph without a face, one that cannot be read, or points that are not finite are a
    failure with its reason.

    Args:
        predictor: what predicts.
        items: N photographs, with the box round the landmarks of the annotated face.
        points: takes (count,3) from a face, in the data set's set and frame.
        count: of the points.
        log: for tracebacks of what nobody foresaw.
    """
    landmarks = np.full((len(items), 3, count), np.nan)
    pose = np.full((len(items), 3), np.nan)
    failures: dict[str, str] = {}
    with progress_bar("Predicting faces", len(items)) as advance:
        faces = each_face(predictor, items, partial(_measured, points), log)
        for row, predicted in enumerate(faces):
            if isinstance(predicted, Failed):
                failures[items[row].name] = predicted.message
            else:
                landmarks[row], pose[row] = predicted
            advance()
    return Predictions(tuple(item.name for item in items), landmarks, pose, failures)


def _measured(
    points: Callable[[PredictedFace], Array], face: PredictedFace
) -> tuple[Array, list[float]]:
    """Points (3,count) and angles; points that the model lacks are NaN."""
    angles_deg = face.pose_deg
    landmarks, angles = points(face).T, [angles_deg[angle] for angle in _ANGLES]
    if np.isinf(landmarks).any() or np.isnan(landmarks[:2]).all() or not np.isfinite(angles).all():
        raise InputError("predicted face", "finite points", "NaN or infinity")
    return landmarks, angles


def boxes_around(points: Array) -> list[Box]:
    """The box round each of (N,K,2) points, as (x0,y0,x1,y1)."""
    sides = np.concatenate([np.nanmin(points, 1), np.nanmax(points, 1)], 1)
    return [(a, b, c, d) for a, b, c, d in sides.tolist()]


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
    predicted, true = landmarks[rows, :2], truth[rows, :2]
    if len(rows) < 3 or _error(predicted, true) < _FAR:
        return
    mirror = list(IBUG68_MIRROR)
    for what, other, remedy in (
        ("x, y", predicted[:, ::-1], "Exchange them: landmarks[:, [1, 0, 2]]."),
        (
            "the subject's right before the left",
            predicted[:, :, mirror],
            "See geometry/conventions.md.",
        ),
    ):
        if _error(other, true) < _NEAR:
            raise InputError(f"{name}: landmarks", what, "these exchanged", remedy)
    if _error(predicted[_nearest(predicted, true)], true) < _NEAR:
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
