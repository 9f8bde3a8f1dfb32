"""Networks of UV maps (SADRNet): the crop, the network, the alignment."""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.face_model import FaceModel
from ...models.sadrnet.decoder import UvDecoder
from ...models.weights import Weights
from .crop_network import CropNetwork, Reading, trained_crop

_CROP = "sadrnet"


class MapNetwork(CropNetwork):
    """A network of UV maps.

    The face has the network's own vertices; its coefficients are the most likely ones behind them.

    Args:
        weights: of a network of UV maps.
        model: the face model of its maps.

    Raises:
        InputError: weights of something else, or of another face model.
    """

    def __init__(self, weights: Weights, model: FaceModel) -> None:
        spec = weights.maps
        super().__init__(weights.name, model, trained_crop(weights, _CROP), spec.crop_size)
        self._network, self._decoder = weights.network, UvDecoder(spec, model)

    @torch.no_grad()
    def read(self, images: Tensor) -> Reading:  # noqa: D102
        faces = self._decoder.layout.decode(self._network(images))
        return Reading(self._decoder.fit(faces.vertices), faces.camera, faces.vertices)
