"""Predicting by networks that see one crop of a photograph: the crop, and the way back."""

from __future__ import annotations

import typing
from abc import ABC, abstractmethod

from torch import Tensor

from ...datasets.batches.crops import CROPS, crop_of
from ...datasets.batches.sample import FaceSample
from ...geometry.coefficients import Coefficients
from ...geometry.cut import cut_out
from ...geometry.face_model import FaceModel
from ...geometry.posed import FaceCamera
from ...pipeline.predicted import PredictedFace
from .predicted import Box, Photograph, nearest_face

if typing.TYPE_CHECKING:
    from ...detect.face import Face, FaceDetector
    from ...models.weights import Weights

Reading = tuple[Coefficients, FaceCamera, Tensor | None]
"""Of B crops: coefficients, cameras in crop pixels, and the network's own vertices (B,V,3), mm,
where they are not those of the coefficients."""


def trained_crop(weights: Weights, usual: str) -> str:
    """The crop that weights were trained with, by their file, a name of `datasets.crops`."""
    data = weights.facts.get("configuration", {}).get("data", {})
    crop = data.get("crop") if isinstance(data, dict) else None
    return str(crop) if crop in CROPS else usual


class CropPredictor(ABC):
    """A network in the box that is given, or in the detected one; see `evaluate.predict.Predictor`.

    Args:
        name: of the weights. model: the face model.
        crop: a name of `datasets.crops`. size: of the crops, pixels.
        detect: look where a detector finds the face, not in the given box.
    """

    def __init__(self, name: str, model: FaceModel, crop: str, size: int, detect: bool) -> None:
        self.name, self._model, self._crop, self._size = name, model, crop, size
        self._detect = detect
        self._detector: FaceDetector | None = None

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:
        """See `evaluate.predict.Predictor`."""
        if box is None or self._detect:
            face = nearest_face(self._detected(picture), box)
            sample = FaceSample("photograph", picture, five_points=face.points)
            box = face.box
        else:
            sample = FaceSample("photograph", picture, box=box)
        crop = crop_of(self._crop, sample, self._size)
        image, _ = cut_out(picture, crop.matrix, crop.size[0])
        coefficients, camera, surface = self.read(image[None])
        moved = camera.moved(crop.inverse_matrix.float())
        return PredictedFace(self._model, coefficients, moved, box, surface=surface)

    @abstractmethod
    def read(self, images: Tensor) -> Reading:
        """Faces in crops (B,3,S,S) in [0,1]."""

    def _detected(self, picture: Photograph) -> list[Face]:
        if self._detector is None:
            from ...detect.face import get_face_detector

            self._detector = get_face_detector()
        return self._detector.detect(picture)
