"""Where a reconstruction begins: weights with their face model, or the optimiser alone."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputError
from ...facemodels import is_tddfa_model, load_face_model, same_coefficients
from ...geometry.face_model import FaceModel
from ...models.exported.graph import in_onnxruntime
from ...models.heads.learned_bases import bases_of
from ...models.weights import Weights, load_weights
from ...models.weights_found import find_weights, weight_names
from .found import FaceNetwork
from .regress import Regressor
from .trained_model import other_model, trained_model

if typing.TYPE_CHECKING:
    from .crop_network import CropNetwork

FIT = "fit"
"""The name of the optimiser among the weights."""
DEFAULT_WEIGHTS = "default"
DEFAULT_MODEL = "default"


@dataclass(frozen=True)
class Start:
    """What a reconstruction begins with.

    Attributes:
        model: the face model, with a network's own bases where it has learned them.
        network: that finds faces; None for the optimiser alone.
    """

    model: FaceModel
    network: FaceNetwork | None


def open_start(
    weights: str | None = None, face_model: str | None = None, backend: str = "torch"
) -> Start:
    """The network of some weights, whatever it predicts, and the face model.

    Args:
        weights: "fit", a shipped name or a path. None takes the shipped weights where they are
            for this face model, else the optimiser.
        face_model: a registered name or a path. None takes the model that the weights were trained
            for, the shipped one for the optimiser. Another one may only differ in which part of
            the head it has, as the shipped head and its mask do.
        backend: "onnxruntime", or "torch" for whatever the weights are of.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights, no such face model, or no
            onnxruntime.
        InputError: a damaged file, weights for another face model, or for one that must be given.
    """
    given = None if face_model is None else _with_surface(face_model)
    if weights is None and not _shipped_for(given):
        weights = FIT
    if weights == FIT:
        return Start(given or load_face_model(DEFAULT_MODEL), None)
    loaded = load_weights(weights or DEFAULT_WEIGHTS)
    if given is not None and not same_coefficients(given.name, loaded.face_model):
        raise other_model(loaded, given.name)
    if backend == "onnxruntime":
        loaded = in_onnxruntime(loaded)
    if loaded.kind == "points":
        regressor = Regressor(model=given, weights=loaded)
        return Start(regressor.model, regressor)
    from .crop_regressor import CropRegressor

    own = given if given is not None and given.name == loaded.face_model else None
    network = open_crop_network(loaded, own)
    return Start(_shown(loaded, network.model, given or network.model), CropRegressor(network))


def open_crop_network(weights: Weights, model: FaceModel | str | None = None) -> CropNetwork:
    """A network of parameters or of UV maps on the face model that it was trained for.

    Args:
        weights: of such a network.
        model: as `trained_model` takes it.

    Raises:
        InputError: weights of dense points, of another face model, or of one that must be given.
    """
    from .maps import MapNetwork
    from .parameters import ParameterNetwork

    kind = MapNetwork if weights.kind == "uv" else ParameterNetwork
    return kind(weights, trained_model(weights, model))


def weights_file(weights: str | None) -> Path | None:
    """The file that some weights would be read from; None where there is none."""
    if weights == FIT or (weights is None and DEFAULT_WEIGHTS not in weight_names()):
        return None
    return find_weights(weights or DEFAULT_WEIGHTS)


def _shipped_for(given: FaceModel | None) -> bool:
    return DEFAULT_WEIGHTS in weight_names() and (given is None or given.name == DEFAULT_MODEL)


def _with_surface(face_model: str) -> FaceModel:
    if is_tddfa_model(face_model):
        remedy = "Train with a dense model (`selfie3d model convert`); `evaluate` measures points."
        got = "3DDFA's model at its 68 points"
        raise InputError("face model", "a model with a surface", got, remedy)
    return load_face_model(face_model)


def _shown(weights: Weights, own: FaceModel, wanted: FaceModel) -> FaceModel:
    """The model that is reconstructed: the network's own, or another part of the same head.

    Learned bases make a model of its own, under a name of its own.

    Raises:
        InputError: another part is wanted, and bases were learned, which are the own model's.
    """
    if bases_of(weights.network) is None:
        return wanted
    if wanted.name != own.name:
        raise other_model(weights, wanted.name)
    return own.named(f"{own.name} with the bases of {weights.name}")
