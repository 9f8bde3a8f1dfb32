"""Where a head is in a frame: what can be smoothed, shared and written, and the camera it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.camera import PerspectiveCamera
from ...geometry.point_view import PIVOT_MM

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class HeadPose:
    """A head in a frame, seen by a camera that looks at its middle.

    Attributes:
        rotation: (3,3), model to camera, as `PerspectiveCamera` has it.
        middle: (2,) where the head's middle is seen, pixels.
        scale: pixels per mm there.
    """

    rotation: Floats
    middle: Floats
    scale: float

    @classmethod
    def of(cls, camera: PerspectiveCamera) -> HeadPose:
        """Where the first camera of a batch, of those that networks give, sees the head."""
        away = camera.to_camera(torch.tensor([[PIVOT_MM]]))[0, 0].double()
        focal = float(camera.focal[0])
        per_mm = focal / -float(away[2])
        shift = np.array([float(away[0]), -float(away[1])]) * per_mm
        middle = camera.center[0].double().numpy() + shift
        return cls(camera.rotation[0].double().numpy(), middle, per_mm)

    def camera(self, focal: float) -> PerspectiveCamera:
        """The camera (a batch of one) of this focal length, pixels, that looks at the head."""
        rotation = torch.from_numpy(np.asarray(self.rotation)).float()
        away = torch.tensor([0.0, 0.0, -focal / self.scale]) - rotation @ torch.tensor(PIVOT_MM)
        middle = torch.from_numpy(np.asarray(self.middle)).float()
        return PerspectiveCamera(rotation[None], away[None], torch.tensor([focal]), middle[None])

    @property
    def roll(self) -> float:
        """Of the head, radians, clockwise in the frame."""
        return float(np.arctan2(self.rotation[0, 1], self.rotation[1, 1]))
