"""What predicts faces in an evaluation: the optimiser, or a network with its weights."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ...core.choices import check_choice
from ...core.errors import InputError
from ...core.item_failure import Failed, attempt
from ...pipeline.network.start import DEFAULT_MODEL, DEFAULT_WEIGHTS, FIT, open_crop_network
from ...pipeline.predicted import PredictedFace
from .predicted import Box, Photograph, Predictor, nearest_face

if typing.TYPE_CHECKING:
    from ...models.weights import Weights
    from ...pipeline.network.regress import Regressor
    from ...pipeline.reconstructor import Reconstructor

REFINED = "refined"
DETECTING = (FIT, REFINED)
"""Words after --weights whose predictors look for faces themselves."""
BoxSource = Literal["protocol", "detector"]


def load_predictor(
    weights: str | None,
    boxes: BoxSource = "protocol",
    face_model: str = "default",
    *,
    mirrored: bool = False,
) -> Predictor:
    """A predictor by the word after --weights.

    >>> load_predictor("default", boxes="nearest")
    Traceback (most recent call last):
    selfie3d.core.errors.InputError: boxes: expected one of protocol, detector, got ...

    Args:
        weights: "fit" for the optimiser, "refined" for the optimiser after the shipped network
            (`reconstruct --refine`), which both always look for faces themselves; else a shipped
            name or a path of a network's weights; None takes the shipped ones.
        boxes: where a network looks: "protocol", in the box that it is given, or "detector", in
            the box of the detected face that overlaps it best.
        face_model: of the optimiser; or the path of the one that the weights were trained for, if
            it is no registered one.
        mirrored: a network of points sees every crop mirrored as well, as `reconstruct` has it;
            without, once, as papers have it.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights.
        InputError: another word for `boxes`, or a damaged file.
    """
    check_choice("boxes", boxes, BoxSource)
    if weights in DETECTING:
        from ...pipeline.options import ReconstructOptions
        from ...pipeline.reconstructor import Reconstructor

        start, refine = FIT if weights == FIT else DEFAULT_WEIGHTS, weights == REFINED
        options = ReconstructOptions(face_model, texture_size=64, weights=start, refine=refine)
        return FitPredictor(Reconstructor(options), str(weights))
    from ...models.weights import load_weights
    from ...pipeline.network.regress import RegressOptions, Regressor

    loaded = load_weights(weights or DEFAULT_WEIGHTS)
    _check_network(loaded)
    if loaded.kind != "points":
        from .crops import CropPredictor

        network = open_crop_network(loaded, face_model)
        return CropPredictor(network, detect=boxes == "detector")
    passes = 2 if boxes == "detector" else 1  # a protocol's box is what the second pass makes
    regressor = Regressor(RegressOptions(passes=passes, mirrored=mirrored), face_model, loaded)
    if boxes == "detector":
        return NetworkPredictor(regressor, detect=True)
    return BoxPredictor(regressor)


def face_model_of(weights: str | None) -> str:
    """The face model of a word after --weights: that of training, the shipped one of the optimiser.

    Raises:
        UnknownNameError, MissingFileError, InputError: as `load_predictor`.
    """
    if weights in DETECTING:
        return DEFAULT_MODEL
    from ...models.weights import load_weights

    return load_weights(weights or DEFAULT_WEIGHTS).face_model


@torch.no_grad()
def _check_network(weights: Weights) -> None:
    """Try a network on grey: what is wrong with it is wrong with every photograph.

    Raises:
        InputError: it fails, or gives what is not finite.
    """
    network = weights.network
    grey = torch.full((1, *network.input_shape), 0.5)
    out = attempt("grey", lambda: network(grey))
    name = f"weights {weights.name!r}"
    if isinstance(out, Failed):
        raise InputError(name, "a network that works", out.message) from out.error
    parts = [out] if isinstance(out, Tensor) else [part for part in out if part is not None]
    if not all(bool(torch.isfinite(part).all()) for part in parts):
        raise InputError(name, "a network that gives finite numbers", "NaN or infinity")


class FitPredictor:
    """The optimiser of `selfie3d reconstruct`, from the face that overlaps the box best."""

    def __init__(self, maker: Reconstructor, name: str = FIT) -> None:
        self.name, self._maker = name, maker

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:  # noqa: D102
        face = nearest_face(self._maker.detect(picture), box)
        return self._maker.reconstruct_face(picture, face, textured=False)


class NetworkPredictor:
    """A network, in the box that is given, or in the detected one."""

    def __init__(self, regressor: Regressor, *, detect: bool = False) -> None:
        from ...detect.detectors import get_face_detector

        self.name, self._regressor, self._detect = regressor.name, regressor, detect
        self._detector = get_face_detector()

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:  # noqa: D102
        if box is None or self._detect:
            detected = nearest_face(self._detector.detect(picture), box)
            box = detected.box
            face = self._regressor.from_faces([picture], [detected])[0]
        else:
            face = self._regressor([picture], [box])[0]
        return PredictedFace(self._regressor.model, face.coefficients, face.camera, box)


class BoxPredictor(NetworkPredictor):
    """A network in given boxes, of many photographs at once."""

    def many(self, pictures: Sequence[Photograph], boxes: Sequence[Box]) -> list[PredictedFace]:
        """See `BatchPredictor.many`."""
        faces = self._regressor(pictures, boxes)
        return [
            PredictedFace(self._regressor.model, face.coefficients, face.camera, box)
            for face, box in zip(faces, boxes, strict=True)
        ]
