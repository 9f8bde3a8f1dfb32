"""Predicting by networks that see one crop of a photograph."""

from __future__ import annotations

import typing

from ...pipeline.network.crop_network import CropNetwork
from ...pipeline.predicted import PredictedFace
from .predicted import Box, Photograph, nearest_face

if typing.TYPE_CHECKING:
    from ...detect.face import Face, FaceDetector


class CropPredictor:
    """A network in the box that is given, or in the detected one; see `evaluate.predict.Predictor`.

    Args:
        network: see `pipeline.network.CropNetwork`.
        detect: look where a detector finds the face, not in the given box.
    """

    def __init__(self, network: CropNetwork, *, detect: bool = False) -> None:
        self.name, self._network, self._detect = network.name, network, detect
        self._detector: FaceDetector | None = None

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:
        """See `evaluate.predict.Predictor`."""
        network = self._network
        if box is None or self._detect:
            face = nearest_face(self._detected(picture), box)
            seen, box = network.in_faces([picture], [face])[0].face, face.box
        else:
            seen = network.in_crops([picture], [network.crop_of_box(picture, box)])[0].face
        return PredictedFace(
            network.model, seen.coefficients, seen.camera, box, surface=seen.surface
        )

    def _detected(self, picture: Photograph) -> list[Face]:
        if self._detector is None:
            from ...detect.detectors import get_face_detector

            self._detector = get_face_detector()
        return self._detector.detect(picture)
