"""What is found out about the face of one photograph, and why a photograph is rejected.

Part of it is which pixels are the face's skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import InputError, Selfie3dError
from ..core.item_failure import said
from ..datasets.batches.collate import moved_label
from ..datasets.batches.sample import Array, Box, FaceSample
from ..datasets.photographs.landmark_sets import five_points, points_68
from ..datasets.photographs.record import Record
from ..detect.face import Face, FaceDetector
from ..detect.skin import skin_mask
from ..pipeline.network.regress import Regressor
from ..pipeline.segment.segment import facial_skin
from .estimators import GIVEN, Estimate, Place
from .options import SkinSource

_DOUBTFUL = 0.08  # expected error of a landmark, parts of the face's size
_APART = 0.25  # mean distance of the five points from those of the landmarks, the same
_SURE = 0.9  # least score of a detected face


class SkinMasks:
    """Makes skin masks.

    Args:
        how: who makes them.
    """

    def __init__(self, how: SkinSource) -> None:
        self.how = how

    @cached_property
    def _network(self) -> Regressor | None:
        """The shipped network, if its segmentation is to be heard.

        Raises:
            InputError: "network", and the shipped weights have no segmentation.
        """
        if self.how == "colour":
            return None
        regressor = Regressor()
        if regressor.segments:
            return regressor
        if self.how == "network":
            got = f"{regressor.name!r}, which have none"
            raise InputError("skin", "weights with a segmentation", got, "Take skin 'colour'.")
        return None

    def __call__(self, picture: NDArray[np.uint8], points: Array) -> NDArray[np.uint8] | None:
        """The face's skin (H,W) uint8, 255 on it; None where no masks are wanted.

        Brows, lips and beards count as skin, eyes and the open mouth do not.

        Args:
            picture: (H,W,3) uint8.
            points: (68,2) landmarks, photograph pixels.
        """
        if self.how == "none":
            return None
        if self._network is None:
            return skin_mask(picture, points)
        return facial_skin(self._network, picture, points)


class RejectedError(Selfie3dError):
    """A photograph that nothing should learn from; says why."""


def find_place(sample: FaceSample, detector: FaceDetector) -> Place:
    """Where the sample's face is: the data set's five points, else those of the largest face that
    is found, else the data set's box.

    Raises:
        RejectedError: no face.
    """
    five = sample.five_points if sample.five_points is not None else five_points(sample.landmarks)
    if five is not None:
        return five
    faces = detector.detect(sample.picture)
    box = sample.box
    if box is not None:
        faces = [face for face in faces if _middle_inside(face, box)]
    if faces and faces[0].score >= _SURE:
        return faces[0].points
    if box is not None:
        return np.array(box).reshape(2, 2)
    raise RejectedError("no face that is sure" if faces else "no face found")


def _middle_inside(face: Face, box: Box) -> bool:
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


@dataclass(frozen=True)
class Known:
    """What a sample becomes: its record and mask in the photograph's pixels.

    Attributes:
        record: landmarks, five points, box, labels with "source/SET" (see `estimators.SOURCES`).
        skin: (H,W) uint8, or None.
    """

    record: Record
    skin: NDArray[np.uint8] | None


def describe_face(
    sample: FaceSample, place: Place, estimate: Estimate | None, *, skin: SkinMasks, smallest: int
) -> Known:
    """Put together what the data set and the estimators say.

    Args:
        sample: as the data set has it; its own points are kept.
        place: of the face.
        estimate: of sets that the data set does not have.
        skin: makes a mask where there is none.
        smallest: pixels, of the longer side of the landmarks' box.

    Raises:
        RejectedError: doubtful or contradictory points, or a face that is too small.
        InputError: points without extent.
    """
    estimated = {} if estimate is None else estimate.landmarks
    landmarks = {**estimated, **sample.landmarks}
    labels = dict(sample.labels)
    for key in landmarks:
        source = GIVEN if key in sample.landmarks or estimate is None else estimate.source
        labels[f"source/{key}"] = np.array([source])
    points = points_68(landmarks)
    if points is None:
        raise RejectedError("no 68 landmarks are known")
    size = float(np.ptp(points, axis=0).max())
    if size < smallest:
        raise RejectedError(f"a face of {size:.0f} pixels, less than {smallest}")
    if estimate is not None:
        _check(estimate, place, size)
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    mask = sample.skin
    if mask is None:
        mask = skin(sample.picture, points)
    kept = None if mask is None or not mask.any() else mask
    return Known(Record(landmarks, sample.five_points, box, labels), kept)


def _check(estimate: Estimate, place: Place, size: float) -> None:
    if not all(np.isfinite(points).all() for points in estimate.landmarks.values()):
        raise RejectedError("landmarks that are no finite numbers")
    if estimate.sigma is not None and not estimate.sigma <= _DOUBTFUL:
        raise RejectedError(f"doubtful landmarks, {100 * estimate.sigma:.0f} % of the face's size")
    five = five_points(estimate.landmarks)
    if five is not None and len(place) == 5:
        apart = float(np.linalg.norm(five - place, axis=1).mean()) / size
        if apart > _APART:
            raise RejectedError(f"landmarks and five points {100 * apart:.0f} % of the face apart")


def reason(error: Exception, hidden: Sequence[str]) -> str:
    """What went wrong, in words, without folders that differ between machines."""
    if isinstance(error, InputError):
        text = f"{error.argument}: expected {error.expected}, got {error.got}"
    else:
        text = said(error)
    for folder in hidden:
        text = text.replace(folder, "")
    return text


def moved(
    known: Known, scale: float, corner: tuple[float, float], heights: tuple[int, int]
) -> Record:
    """The record in the pixels of a cut: photograph pixels less `corner`, times `scale`.

    Args:
        heights: rows of the photograph and of the cut; 300W-LP's "pose_para" counts from below.
    """
    shift = np.array(corner)
    record = known.record
    box, labels = record.box, record.labels
    identity = torch.eye(2, dtype=torch.float64)
    matrix = scale * torch.cat([identity, -torch.from_numpy(shift).double()[:, None]], 1)
    return replace(
        record,
        landmarks={key: (points - shift) * scale for key, points in record.landmarks.items()},
        five_points=None if record.five_points is None else (record.five_points - shift) * scale,
        box=None if box is None else _box((np.array(box) - np.tile(shift, 2)) * scale),
        labels={
            key: moved_label(key, v, matrix, height=heights[0], size=heights[1], mirrored=False)
            for key, v in labels.items()
        },
    )


def _box(values: NDArray[np.float64]) -> Box:
    x0, y0, x1, y1 = values.tolist()
    return x0, y0, x1, y1
