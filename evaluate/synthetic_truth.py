"""What is known of a synthetic face, how far a prediction is off, and the mean of many faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..core.errors import InputError
from ..datasets.sample import FaceSample
from ..geometry.align import similarity_align
from ..geometry.camera import WeakPerspectiveCamera
from ..geometry.face_model import FaceModel
from ..geometry.posed import PosedFaces
from ..geometry.rotation import geodesic_angle
from ..models.heads.nearest_camera import to_weak_perspective
from ..models.heads.vector_layout import LayoutSpec
from .predict import PredictedFace

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
    def middle(self) -> Array:
        """Of the box round the landmarks, pixels (2,)."""
        return (self.landmarks.min(0) + self.landmarks.max(0)) / 2

    @property
    def size(self) -> float:
        """Root of the area of that box, pixels."""
        return float(np.sqrt(np.ptp(self.landmarks, axis=0).prod()))


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
    error = np.linalg.norm(points - known.landmarks, axis=1).mean() / known.size
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
        vertices: (1,V,3) mm.
        rotation: (1,3,3).
        scale: box sizes per mm.
        place: (2,) of the pivot from the box's middle, box sizes.
    """

    vertices: Tensor
    rotation: Tensor
    scale: float
    place: Array

    @classmethod
    def of(cls, faces: Sequence[KnownFace]) -> MeanFace:
        """Means over faces; the rotation's is the chordal one."""
        pivot = _pivot(faces[0].model)
        cameras = [to_weak_perspective(face.truth.camera, pivot) for face in faces]
        turns = Rotation.from_matrix(torch.cat([c.rotation for c in cameras]).double().numpy())
        places = [
            (c.project(pivot[None, None])[0, 0, :2].double().numpy() - face.middle) / face.size
            for c, face in zip(cameras, faces, strict=True)
        ]
        scales = [float(c.scale) / face.size for c, face in zip(cameras, faces, strict=True)]
        return cls(
            torch.stack([face.vertices for face in faces]).mean(0, keepdim=True),
            torch.from_numpy(turns.mean().as_matrix()).float()[None],
            float(np.mean(scales)),
            np.mean(places, axis=0),
        )

    def at(self, face: KnownFace) -> PredictedFace:
        """In the box of a face."""
        pivot = _pivot(face.model)
        scale = torch.tensor([self.scale * face.size], dtype=torch.float32)
        pixel = torch.from_numpy(face.middle + self.place * face.size).float()
        turned = scale * (self.rotation[0] @ pivot)[:2] * pixel.new_tensor([1.0, -1.0])
        camera = WeakPerspectiveCamera(self.rotation, scale, (pixel - turned)[None])
        x, y = face.landmarks.T
        box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
        return PredictedFace(face.model, face.truth.coefficients, camera, box, self.vertices)


def _pivot(model: FaceModel) -> Tensor:
    """The point in mm, model space, that networks' poses turn about."""
    return torch.tensor(LayoutSpec.of(model, 1).pivot)
