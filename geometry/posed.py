"""Faces with the camera that sees them: what networks predict and data sets know."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..core.errors import InputError
from .camera import PerspectiveCamera, WeakPerspectiveCamera
from .coefficients import Coefficients

FaceCamera = PerspectiveCamera | WeakPerspectiveCamera


@dataclass(frozen=True)
class PosedFaces:
    """B faces of one face model in one picture each.

    >>> from selfie3d.geometry import WeakPerspectiveCamera, ambient_light
    >>> turn, middle = torch.eye(3).expand(2, 3, 3), torch.full((2, 2), 64.0)
    >>> camera = WeakPerspectiveCamera(turn, torch.tensor([0.5, 0.6]), middle)
    >>> modes = (torch.zeros(2, 5), torch.zeros(2, 4), torch.zeros(2, 3))
    >>> faces = PosedFaces(Coefficients(*modes, ambient_light(2)), camera)
    >>> len(faces), len(faces[torch.tensor([1])])
    (2, 1)

    Attributes:
        coefficients: of the faces.
        camera: model space (mm) to the picture's pixels.

    Raises:
        InputError: the two have different numbers of faces.
    """

    coefficients: Coefficients
    camera: FaceCamera

    def __post_init__(self) -> None:
        cameras = len(self.camera.rotation)
        if cameras != len(self.coefficients):
            raise InputError("camera", f"{len(self.coefficients)} cameras", str(cameras))

    def __len__(self) -> int:
        return len(self.coefficients)

    def __getitem__(self, rows: slice | Tensor) -> PosedFaces:
        """The faces of a slice or of row numbers (N,) int64."""
        kept = {f.name: getattr(self.coefficients, f.name)[rows] for f in fields(Coefficients)}
        camera = type(self.camera)(*(value[rows] for value in vars(self.camera).values()))
        return PosedFaces(Coefficients(**kept), camera)

    def to(self, device: torch.device | str) -> PosedFaces:
        """The same faces on another device."""
        camera = type(self.camera)(*(value.to(device) for value in vars(self.camera).values()))
        return PosedFaces(self.coefficients.to(device), camera)
