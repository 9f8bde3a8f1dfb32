"""A face that was predicted, and what predicts one."""

from __future__ import annotations

import typing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError, NoFaceError
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.posed import FaceCamera

if typing.TYPE_CHECKING:
    from ...detect.face import Face

Box = tuple[float, float, float, float]
Photograph = NDArray[np.uint8]
_SHARED = 0.1  # of the union of two boxes, below which a detected face is another face


@dataclass(frozen=True)
class PredictedFace:
    """A face that was predicted for a photograph.

    Attributes:
        model: the face model.
        coefficients: of this face (batch of one).
        camera: projects model space to the photograph's pixels.
        box: (x0,y0,x1,y1) that it was predicted in, photograph pixels.
        surface: (1,V,3) mm, where the vertices are more than what the coefficients say.
    """

    model: FaceModel
    coefficients: Coefficients
    camera: FaceCamera
    box: Box
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
    def vertices(self) -> NDArray[np.float32]:
        """(V,3) mm in model space."""
        return self._vertices()[0].detach().numpy()

    def landmarks(self, name: str) -> NDArray[np.float64]:
        """A landmark set (K,3): x, y in photograph pixels, z in their scale, near = large."""
        points = self.camera.project(self.model.landmark_points(self._vertices(), name))
        return points[0].detach().numpy().astype(np.float64)

    def _vertices(self) -> Tensor:
        if self.surface is not None:
            return self.surface
        return self.model.vertices(self.coefficients)

    @property
    def landmarks_68(self) -> NDArray[np.float64]:
        """The set `ibug68`, as `landmarks`."""
        return self.landmarks("ibug68")

    @property
    def pose_deg(self) -> dict[str, float]:
        """Pitch, yaw and roll in degrees, as 300W-LP has them."""
        from ...geometry.rotation import matrix_to_euler

        angles = torch.rad2deg(matrix_to_euler(self.camera.rotation)[0])
        return dict(zip(("pitch", "yaw", "roll"), angles.tolist(), strict=True))


class Predictor(typing.Protocol):
    """Predicts one face of a photograph."""

    name: str

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:
        """The face in or nearest to `box`, the box round its landmarks; None: the largest face.

        Args:
            picture: RGB (H,W,3) uint8.
            box: (x0,y0,x1,y1) in photograph pixels.

        Raises:
            NoFaceError: none was found there.
        """
        ...


def nearest_face(faces: list[Face], box: Box | None) -> Face:
    """The face whose box overlaps `box` best by intersection over union; None: the first.

    Raises:
        NoFaceError: there is no face, or none that overlaps by a tenth.
    """
    if not faces:
        raise NoFaceError("no face found in the photograph")
    if box is None:
        return faces[0]
    best = max(faces, key=lambda face: overlap(face.box, box))
    if overlap(best.box, box) < _SHARED:
        raise NoFaceError(f"{len(faces)} found, but none where the annotated face is")
    return best


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 where they do not meet."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return shared / (sum(areas) - shared) if shared else 0.0
