"""Runs a predictor over photographs with a known box each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, NoFaceError
from ..core.image_file import read_image
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
) -> Predictions:
    """Landmarks and pose of one face in every photograph.

    A photograph without a face, or that cannot be read, is a failure with its reason.

    Args:
        predictor: what predicts.
        names: N, of the images.
        paths: of the photographs.
        boxes: round the landmarks of the annotated face, photograph pixels.
        points: takes (count,3) from a face, in the data set's set and frame.
        count: of the points.
    """
    landmarks = np.full((len(names), 3, count), np.nan)
    pose = np.full((len(names), 3), np.nan)
    failures: dict[str, str] = {}
    with progress("Predicting faces", len(names)) as advance:
        for row, (name, path, box) in enumerate(zip(names, paths, boxes, strict=True)):
            try:
                face = predictor(read_image(path), box)
            except (NoFaceError, InputError) as error:
                failures[name] = str(error)
            else:
                landmarks[row] = points(face).T
                pose[row] = [face.pose_deg[angle] for angle in _ANGLES]
            advance()
    return Predictions(tuple(names), landmarks, pose, failures)


def boxes_around(points: Array) -> list[Box]:
    """The box round each of (N,K,2) points, as (x0,y0,x1,y1)."""
    sides = np.concatenate([np.nanmin(points, 1), np.nanmax(points, 1)], 1)
    return [(a, b, c, d) for a, b, c, d in sides.tolist()]
