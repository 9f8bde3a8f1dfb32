"""Networks whose outputs are parameters: the crop, the network, its layout."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...models.heads.learned_bases import model_of
from ...models.tddfa.cascade import CHANNELS, Cascade
from ...models.tddfa.layout import TddfaLayout
from ...models.weights import Weights
from ...render.pncc import PnccRenderer
from .crop_network import CropNetwork, Reading, trained_crop

_CROPS = {"3ddfa": "roi", "deep3d": "deep3d", "mobile_facernet": "tight"}
_ITERATIONS = 3


class ParameterNetwork(CropNetwork):
    """A network of parameters: 62, 257 or 495 numbers, or as many as its face model asks for.

    The crop is the one that the weights were trained with, where their file says so, else the one
    of their layout's system. Bases that were learned replace the model's.

    Args:
        weights: of a network of parameters.
        model: the face model of its layout.

    Raises:
        InputError: weights of something else, or of another face model.
    """

    def __init__(self, weights: Weights, model: FaceModel) -> None:
        layout = weights.parameters
        if (layout.spec.face_model, layout.spec.sizes) != (model.name, model.sizes):
            expected = f"{layout.spec.face_model} {layout.spec.sizes}, as the weights have"
            raise InputError("face model", expected, f"{model.name} {model.sizes}")
        with torch.no_grad():
            learned = model_of(weights.network, model)
        super().__init__(weights.name, learned, crop_name(weights), layout.spec.crop_size)
        self._network, self._layout = weights.network, layout
        self._cascade = _cascade(weights, model)
        self.lit = "light" in layout.parts

    @torch.no_grad()
    def posed(self, images: Tensor) -> PosedFaces:
        """Faces with cameras in crop pixels for crops (B,3,S,S) in [0,1]."""
        if self._cascade is None:
            return self._layout.decode(self._network(images))
        return self._layout.decode(self._cascade.predict(self._network, images))

    def read(self, images: Tensor) -> Reading:  # noqa: D102
        faces = self.posed(images)
        return Reading(faces.coefficients, faces.camera)


def crop_name(weights: Weights) -> str:
    """The crop that a network of parameters expects, a name of `datasets.crops`."""
    return trained_crop(weights, _CROPS[weights.parameters.name])


def _cascade(weights: Weights, model: FaceModel) -> Cascade | None:
    """What calls a network of nine channels; None for others."""
    layout, network = weights.parameters, weights.network
    if network.input_shape[0] != CHANNELS:
        return None
    if not isinstance(layout, TddfaLayout):
        raise InputError(f"weights {weights.name!r}", "3DDFA's layout, for a cascade", layout.name)
    iterations = int(weights.facts.get("iterations", _ITERATIONS))
    return Cascade(layout, model, PnccRenderer(model.mean, model.faces), iterations)
