"""Where a reconstruction begins: the weights that are asked for, or the optimiser alone."""

from __future__ import annotations

from pathlib import Path

from ...geometry.face_model import FaceModel
from ...models.weights import find_weights, weight_names
from .regress import RegressOptions, Regressor

FIT = "fit"
"""The name of the optimiser among the weights."""
DEFAULT_WEIGHTS = "default"


def make_regressor(weights: str | None, model: FaceModel) -> Regressor | None:
    """The network of some weights; None for the optimiser alone.

    Args:
        weights: "fit", a shipped name or a path. None takes the shipped weights where they are
            for this face model, else the optimiser.
        model: the face model of the reconstruction.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights.
        InputError: a damaged file, or weights for another face model.
    """
    if weights == FIT or (weights is None and not _shipped_for(model)):
        return None
    return Regressor(RegressOptions(weights=weights or DEFAULT_WEIGHTS), model)


def weights_file(weights: str | None) -> Path | None:
    """The file that some weights would be read from; None where there is none."""
    if weights == FIT or (weights is None and DEFAULT_WEIGHTS not in weight_names()):
        return None
    return find_weights(weights or DEFAULT_WEIGHTS)


def _shipped_for(model: FaceModel) -> bool:
    return model.name == "default" and DEFAULT_WEIGHTS in weight_names()
