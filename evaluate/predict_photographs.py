"""Runs a predictor over photographs with a known box each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.image_file import read_image
from ..core.item_failure import Failed, FailureLog, attempt
from ..core.progress import progress
from .predict import Box, PredictedFace, Predictor
from .predictions import Predictions

Array = NDArray[np.float64]
_ANGLES = ("pitch", "yaw", "roll")


def predict_landmarks(
    predictor: Predictor,
    names: Sequence[str],
    paths: Sequence[Path],
    boxes: Sequence[Box],
    points: Callable[[PredictedFace], Array],
    count: int = 68,
    log: FailureLog | None = None,
) -> Predictions:
    """Landmarks and pose of one face in every photograph.

    A photograph without a face, one that cannot be read, or points that are not finite are a
    failure with its reason.

    Args:
        predictor: what predicts.
        names: N, of the images.
        paths: of the photographs.
        boxes: round the landmarks of the annotated face, photograph pixels.
        points: takes (count,3) from a face, in the data set's set and frame.
        count: of the points.
        log: for tracebacks of what nobody foresaw.
    """
    landmarks = np.full((len(names), 3, count), np.nan)
    pose = np.full((len(names), 3), np.nan)
    failures: dict[str, str] = {}
    with progress("Predicting faces", len(names)) as advance:
        for row, (name, path, box) in enumerate(zip(names, paths, boxes, strict=True)):
            one = attempt(name, partial(_predict_one, predictor, path, box, points), log)
            if isinstance(one, Failed):
                failures[name] = one.message
            else:
                landmarks[row], pose[row] = one
            advance()
    return Predictions(tuple(names), landmarks, pose, failures)


def _predict_one(
    predictor: Predictor, path: Path, box: Box, points: Callable[[PredictedFace], Array]
) -> tuple[Array, list[float]]:
    """Points (3,count) and angles; points that the model lacks are NaN."""
    face = predictor(read_image(path), box)
    found, angles = points(face).T, [face.pose_deg[angle] for angle in _ANGLES]
    if np.isinf(found).any() or np.isnan(found[:2]).all() or not np.isfinite(angles).all():
        raise InputError("predicted face", "finite points", "NaN or infinity")
    return found, angles


def boxes_around(points: Array) -> list[Box]:
    """The box round each of (N,K,2) points, as (x0,y0,x1,y1)."""
    sides = np.concatenate([np.nanmin(points, 1), np.nanmax(points, 1)], 1)
    return [(a, b, c, d) for a, b, c, d in sides.tolist()]
