"""Predicting faces by networks of UV maps (SADRNet): a crop, the network, the alignment."""

from __future__ import annotations

import torch
from torch import Tensor

from ...facemodels.registry import load_face_model
from ...geometry.face_model import FaceModel
from ...models.sadrnet.decoder import UvDecoder
from ...models.weights import Weights
from .crops import CropPredictor, Reading, trained_crop

_CROP = "sadrnet"


class MapPredictor(CropPredictor):
    """A network of UV maps, in the box that is given, or in the detected one.

    The face has the network's own vertices; its coefficients are the most likely ones behind them.

    Args:
        weights: of a network of UV maps.
        model: the face model of its maps.
        detect: look where a detector finds the face, not in the given box.

    Raises:
        InputError: weights of something else, or of another face model.
    """

    def __init__(self, weights: Weights, model: FaceModel, *, detect: bool = False) -> None:
        spec = weights.maps
        crop = trained_crop(weights, _CROP)
        super().__init__(weights.name, model, crop, spec.crop_size, detect)
        self._network, self._decoder = weights.network, UvDecoder(spec, model)

    @classmethod
    def load(cls, weights: Weights, *, detect: bool = False) -> MapPredictor:
        """With the face model that the weights name."""
        return cls(weights, load_face_model(weights.maps.face_model), detect=detect)

    @torch.no_grad()
    def read(self, images: Tensor) -> Reading:  # noqa: D102
        faces = self._decoder.layout.decode(self._network(images))
        return self._decoder.fit(faces.vertices), faces.camera, faces.vertices
