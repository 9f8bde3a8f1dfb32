"""Predicting faces by networks whose outputs are parameters: a crop, the network, its layout."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import InputError
from ...facemodels.readers.tddfa_points import read_tddfa_points
from ...facemodels.registry import FACE_MODELS, load_face_model
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...models.heads.learned_bases import model_of
from ...models.tddfa.cascade import CHANNELS, Cascade
from ...models.tddfa.layout import TddfaLayout
from ...models.weights import Weights
from ...render.pncc import PnccRenderer
from .crops import CropPredictor, Reading, trained_crop

_CROPS = {"3ddfa": "roi", "deep3d": "deep3d", "mobile_facernet": "tight"}
_TEXTS = "u_base.txt"  # of 3DDFA's model at its landmarks
_ITERATIONS = 3


def is_tddfa_model(name_or_path: str | Path) -> bool:
    """Whether this is 3DDFA's own model at its 68 points: a folder of texts, or V2's pickle."""
    path = Path(name_or_path)
    return (path / _TEXTS).is_file() or (path.suffix == ".pkl" and path.is_file())


class ParameterPredictor(CropPredictor):
    """A network of parameters, in the box that is given, or in the detected one.

    The crop is the one that the weights were trained with, where their file says so, else the one
    of their layout's system.

    Args:
        weights: of a network of parameters.
        model: the face model of its layout.
        detect: look where a detector finds the face, not in the given box.

    Raises:
        InputError: weights of something else, or of another face model.
    """

    def __init__(self, weights: Weights, model: FaceModel, *, detect: bool = False) -> None:
        layout = weights.parameters
        if (layout.spec.face_model, layout.spec.sizes) != (model.name, model.sizes):
            expected = f"{layout.spec.face_model} {layout.spec.sizes}, as the weights have"
            raise InputError("face model", expected, f"{model.name} {model.sizes}")
        learned = model_of(weights.network, model)
        super().__init__(weights.name, learned, crop_name(weights), layout.spec.crop_size, detect)
        self._network, self._layout = weights.network, layout
        self._cascade = _cascade(weights, model)

    @classmethod
    def load(cls, weights: Weights, face_model: str, *, detect: bool = False) -> ParameterPredictor:
        """With the face model that the weights name.

        Args:
            weights: see the class.
            face_model: a path, for weights of a model that is not registered; else unused.
            detect: see the class.
        """
        trained_for = weights.face_model
        if trained_for in FACE_MODELS:
            return cls(weights, load_face_model(trained_for), detect=detect)
        points = is_tddfa_model(face_model)
        model = read_tddfa_points(face_model).model if points else load_face_model(face_model)
        return cls(weights, model, detect=detect)

    @torch.no_grad()
    def in_crops(self, images: Tensor) -> PosedFaces:
        """Faces with cameras in crop pixels for crops (B,3,S,S) in [0,1]."""
        if self._cascade is None:
            return self._layout.decode(self._network(images))
        return self._layout.decode(self._cascade.predict(self._network, images))

    def read(self, images: Tensor) -> Reading:  # noqa: D102
        faces = self.in_crops(images)
        return faces.coefficients, faces.camera, None


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
