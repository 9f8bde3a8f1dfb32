"""A person in one frame, as it is written: smoothed, with the identity that was known then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ..predicted import PredictedFace
from .pose import HeadPose

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Moment:
    """A person in one frame.

    Attributes:
        person: the number, from 1.
        frame: number of the frame, from 0. time: seconds.
        pose: of the head.
        focal: of the clip's camera, as known then, pixels.
        coefficients: a batch of one.
        error: mean error that the network states of the points, pixels.
    """

    person: int
    frame: int
    time: float
    pose: HeadPose
    focal: float
    coefficients: Coefficients
    error: float

    @property
    def camera(self) -> PerspectiveCamera:
        """Model space to pixels of the frame."""
        return self.pose.camera(self.focal)

    @property
    def expression(self) -> Floats:
        """(Ke,) weights."""
        return self.coefficients.expression[0].numpy()

    def landmarks(self, model: FaceModel) -> Floats:
        """`ibug68` (68,3), as `PredictedFace.landmarks`."""
        points = model.landmarks_of(self.coefficients, "ibug68")
        return self.camera.project(points)[0].numpy()

    def face(self, model: FaceModel) -> PredictedFace:
        """What the photograph's tools take."""
        points = torch.from_numpy(self.landmarks(model)[:, :2])
        points = points[torch.isfinite(points).all(1)]
        (x0, y0), (x1, y1) = points.amin(0).tolist(), points.amax(0).tolist()
        return PredictedFace(model, self.coefficients, self.camera, (x0, y0, x1, y1))
