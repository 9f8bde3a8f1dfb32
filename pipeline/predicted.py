"""A face of a photograph: its shape and the camera that sees it, whatever found them."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import PerspectiveCamera
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.posed import FaceCamera
from ..geometry.rotation import matrix_to_euler


@dataclass(frozen=True)
class PredictedFace:
    """A face that was predicted for a photograph.

    >>> from selfie3d.facemodels import load_face_model
    >>> model = load_face_model("default-face")
    >>> far = torch.tensor([[0.0, 0.0, -600.0]])
    >>> camera = PerspectiveCamera(
    ...     torch.eye(3)[None], far, torch.tensor([1000.0]), torch.tensor([[320.0, 240.0]]))
    >>> box = (200.0, 120.0, 440.0, 400.0)
    >>> face = PredictedFace(model, model.zero_coefficients(1), camera, box)
    >>> face.landmarks("ibug68").shape, face.is_finite
    ((68, 3), True)

    Attributes:
        model: the face model.
        coefficients: of this face (batch of one).
        camera: projects model space to the photograph's pixels.
        box: (x0,y0,x1,y1) where it was predicted, photograph pixels.
        surface: (1,V,3) mm, where the vertices are more than what the coefficients say.
    """

    model: FaceModel
    coefficients: Coefficients
    camera: FaceCamera
    box: tuple[float, float, float, float]
    _: KW_ONLY
    surface: Tensor | None = None

    @property
    def perspective(self) -> PerspectiveCamera:
        """The camera, where only a perspective one will do.

        Raises:
            InputError: it is a weak perspective one.
        """
        if not isinstance(self.camera, PerspectiveCamera):
            expected = "a face seen by a perspective camera"
            raise InputError("weights", expected, "a network of weak perspective cameras")
        return self.camera

    @property
    def vertices(self) -> Tensor:
        """Vertex positions (V,3), mm in model space."""
        if self.surface is not None:
            return self.surface[0].detach()
        return self.model.vertices(self.coefficients)[0].detach()

    @property
    def is_finite(self) -> bool:
        """Whether no number of the shape and the camera is NaN or infinite."""
        whole = is_finite(self.coefficients, self.camera)
        return whole and bool(torch.isfinite(self.vertices).all())

    def landmarks(self, name: str) -> NDArray[np.floating]:
        """A landmark set (K,3): x, y in photograph pixels, z in their scale, near = large.

        Rows of points that the model does not have are NaN. The numbers are as exact as the camera.
        """
        if self.surface is not None:
            points = self.model.landmark_points(self.surface, name)
        else:
            points = self.model.landmarks_of(self.coefficients, name)
        return self.camera.project(points)[0].detach().numpy()

    @property
    def landmarks_68(self) -> NDArray[np.floating]:
        """The set `ibug68` (68,3), as `landmarks`."""
        return self.landmarks("ibug68")

    @property
    def expressions(self) -> dict[str, float]:
        """Weights of the expressions by name, 0 none and 1 the whole of it.

        ARKit's names for the shipped model, the file's for others; empty where it has none.
        """
        names = self.model.expression_names
        return dict(zip(names, self.coefficients.expression[0].tolist(), strict=False))

    @property
    def pose_deg(self) -> dict[str, float]:
        """Head pose in degrees: pitch (up positive), yaw (to the image's left positive), roll."""
        angles = matrix_to_euler(self.camera.rotation)[0] * (180 / math.pi)
        return dict(zip(("pitch", "yaw", "roll"), angles.tolist(), strict=True))


def is_finite(coefficients: Coefficients, camera: FaceCamera) -> bool:
    """Whether no number of both is NaN or infinite."""
    values = [*vars(coefficients).values(), *vars(camera).values()]
    return all(bool(torch.isfinite(value).all()) for value in values)
