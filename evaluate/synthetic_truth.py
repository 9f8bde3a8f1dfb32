"""What is known of a synthetic face, how far a prediction is off, and the mean of many faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..core.errors import InputError
from ..datasets.sample import FaceSample
from ..geometry.align import similarity_align
from ..geometry.camera import WeakPerspectiveCamera
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.posed import PosedFaces
from ..geometry.rotation import geodesic_angle
from ..models.heads.nearest_camera import to_weak_perspective
from ..models.heads.vector_layout import LayoutSpec
from .predict import Box, PredictedFace
from .predict_photographs import boxes_around

Array = NDArray[np.float64]
FIGURES = {"landmarks": "%", "pose": "degrees", "shape": "mm"}
"""What `compare` gives, with units."""
_LANDMARKS = "ibug68"


@dataclass(frozen=True)
class KnownFace:
    """One face and its truth.

    Attributes:
        model: the face model.
        truth: one face, the camera in the picture's pixels.
        vertices: (V,3) mm, model space.
        landmarks: (68,2) pixels.
    """

    model: FaceModel
    truth: PosedFaces
    vertices: Tensor
    landmarks: Array

    @property
    def box(self) -> Box:
        """(x0,y0,x1,y1) round the landmarks, pixels."""
        return boxes_around(self.landmarks[None])[0]


def known_face(model: FaceModel, sample: FaceSample) -> KnownFace:
    """What a sample knows.

    Raises:
        InputError: it does not know its truth.
    """
    if sample.truth is None:
        raise InputError(sample.name, "a synthetic face with its truth", "a photograph")
    vertices = model.vertices(sample.truth.coefficients)
    points = sample.truth.camera.project(model.landmark_points(vertices, _LANDMARKS))
    landmarks = points[0, :, :2].numpy().astype(np.float64)
    return KnownFace(model, sample.truth, vertices[0], landmarks)


def compare(face: PredictedFace, known: KnownFace) -> tuple[float, float, float]:
    """The figures of `FIGURES`.

    Raises:
        InputError: the face belongs to another model.
    """
    if face.model.name != known.model.name:
        raise InputError("weights", f"of face model {known.model.name!r}", repr(face.model.name))
    points = face.landmarks(_LANDMARKS)[:, :2]
    error = np.linalg.norm(points - known.landmarks, axis=1).mean() / _middle_and_size(known.box)[1]
    pivot = _pivot(known.model)
    own, true = (to_weak_perspective(c, pivot) for c in (face.camera, known.truth.camera))
    turn = torch.rad2deg(geodesic_angle(own.rotation, true.rotation))
    inside = known.model.region("face")
    shape, target = torch.from_numpy(face.vertices)[None, inside], known.vertices[None, inside]
    moved = similarity_align(shape, target).apply(shape)
    return 100 * float(error), float(turn), float((moved - target).norm(dim=-1).mean())


@dataclass(frozen=True)
class MeanFace:
    """The same for every face: shape, rotation, and place and scale in the landmarks' box.

    Attributes:
        model: the face model.
        coefficients: of one face.
        rotation: (1,3,3).
        scale: box sizes per mm.
        place: (2,) of the pivot from the box's middle, box sizes.
    """

    model: FaceModel
    coefficients: Coefficients
    rotation: Tensor
    scale: float
    place: Array

    @classmethod
    def of(cls, faces: Sequence[KnownFace]) -> MeanFace:
        """Means over faces; the rotation's is the chordal one."""
        model = faces[0].model
        pivot = _pivot(model)
        cameras = [to_weak_perspective(face.truth.camera, pivot) for face in faces]
        turns = Rotation.from_matrix(torch.cat([c.rotation for c in cameras]).double().numpy())
        frames = [_middle_and_size(face.box) for face in faces]
        places = [
            (c.project(pivot[None, None])[0, 0, :2].double().numpy() - middle) / size
            for c, (middle, size) in zip(cameras, frames, strict=True)
        ]
        scales = [float(c.scale) / size for c, (_, size) in zip(cameras, frames, strict=True)]
        each = [face.truth.coefficients for face in faces]
        means = {
            f.name: torch.cat([getattr(c, f.name) for c in each]).mean(0, keepdim=True)
            for f in fields(Coefficients)
        }
        return cls(
            model,
            Coefficients(**means),
            torch.from_numpy(turns.mean().as_matrix()).float()[None],
            float(np.mean(scales)),
            np.mean(places, axis=0),
        )

    def at(self, box: Box) -> PredictedFace:
        """In a box of landmarks (x0,y0,x1,y1), pixels."""
        middle, size = _middle_and_size(box)
        scale = torch.tensor([self.scale * size], dtype=torch.float32)
        pixel = torch.from_numpy(middle + self.place * size).float()
        turned = scale * (self.rotation[0] @ _pivot(self.model))[:2] * pixel.new_tensor([1.0, -1.0])
        camera = WeakPerspectiveCamera(self.rotation, scale, (pixel - turned)[None])
        return PredictedFace(self.model, self.coefficients, camera, box)


def _middle_and_size(box: Box) -> tuple[Array, float]:
    """The middle (2,) of a box, and the root of its area."""
    low, high = np.array(box[:2]), np.array(box[2:])
    return (low + high) / 2, float(np.sqrt((high - low).prod()))


def _pivot(model: FaceModel) -> Tensor:
    """The point in mm, model space, that networks' poses turn about."""
    return torch.tensor(LayoutSpec.of(model, 1).pivot)
