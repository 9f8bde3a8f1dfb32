"""The face model that weights were trained for."""

from __future__ import annotations

from ...core.errors import InputError
from ...facemodels import FACE_MODELS, is_tddfa_model, load_face_model, read_tddfa_points
from ...geometry.face_model import FaceModel
from ...models.weights import Weights


def trained_model(weights: Weights, given: FaceModel | str | None = None) -> FaceModel:
    """The face model that weights were trained for; their file has its name, not the model.

    Args:
        weights: of any kind.
        given: the model, which must be that one; or the path of one that is not registered, else
            unused.

    Raises:
        InputError: another model is given, or none where the model is not registered.
    """
    name = weights.face_model
    if given is None or isinstance(given, str):
        given = _by_name(weights, given)
    if given.name != name:
        raise other_model(weights, given.name)
    return given


def other_model(weights: Weights, name: str) -> InputError:
    """The error that weights are for another face model than the named one."""
    return InputError(
        "weights",
        f"weights for the face model {name!r}",
        f"{weights.name!r}, which are for {weights.face_model!r}",
        "Take the face model of the weights; or fit another one: weights 'fit'.",
    )


def _by_name(weights: Weights, path: str | None) -> FaceModel:
    name = weights.face_model
    if name in FACE_MODELS:
        return load_face_model(name)
    if path is None or path in FACE_MODELS:
        expected = f"the file of {name!r}, which the weights {weights.name!r} were trained for"
        remedy = (
            "Name the .npz that they were trained with: face_model=FILE; --face-model FILE in "
            "`selfie3d reconstruct`."
        )
        raise InputError("face model", expected, "none" if path is None else repr(path), remedy)
    return read_tddfa_points(path).model if is_tddfa_model(path) else load_face_model(path)
