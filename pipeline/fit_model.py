"""What the fitter needs to know of a face model beyond its bases."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.face_model import FaceModel

# How much a region's colours say about the fit; later ones overwrite earlier ones.
_TRUST = {
    "jaw": 0.5,
    "cheeks": 0.6,
    "ears": 0.0,
    "neck": 0.0,
    "forehead": 0.1,
    "brows": 2.0,
    "eyelids": 2.0,
    "nose": 1.5,
    "lips": 2.0,
    "left_eye": 2.0,
    "right_eye": 2.0,
    "mouth": 0.0,
}


# Standard deviation of a blendshape's weight in photographs, by a part of its name; people smile.
_SPREAD = {"Smile": 0.22, "jawOpen": 0.09, "brow": 0.11, "Blink": 0.11, "Squint": 0.11}
_RARE = 0.06


def expression_spread(model: FaceModel) -> Tensor:
    """How strong each expression typically is in a photograph, (Ke,), in its own units."""
    if model.expression_kind == "gaussian":
        return torch.ones(len(model.expression))
    names = model.expression_names or ("",) * len(model.expression)
    return torch.tensor(
        [max([v for k, v in _SPREAD.items() if k in n], default=_RARE) for n in names]
    )


def point_model(model: FaceModel) -> FaceModel:
    """The face model of the five points alone: linear like the model itself."""
    none = torch.zeros(1, len(model.mean), 3)

    def at_points(basis: Tensor) -> Tensor:
        return five_points(model, basis) - five_points(model, none)

    return FaceModel.from_arrays(
        name="five points",
        mean=five_points(model, model.mean[None])[0],
        faces=torch.zeros(0, 3),
        identity=at_points(model.identity),
        expression=at_points(model.expression),
        albedo_basis=torch.zeros(len(model.albedo_basis), 5, 3),
        origin=torch.zeros(3),
    )


def five_points(model: FaceModel, vertices: Tensor) -> Tensor:
    """What a five-point detector marks, on meshes (B,V,3): eyes, nose tip, mouth corners (B,5,3).

    The eyes are the means of their six outline points (iBUG 36-41 and 42-47); nose 30, mouth 48
    and 54.

    Raises:
        InputError: the model has no set `ibug68`, or lacks one of these points.
    """
    needed = [*range(36, 48), 30, 48, 54]
    missing = [k for k in needed if not bool(model.landmark_set("ibug68").valid[k])]
    if missing:
        raise InputError(
            f"face model {model.name!r}", f"ibug68 landmarks {needed}", f"none for {missing}"
        )
    points = model.landmark_points(vertices, "ibug68")
    eyes = torch.stack([points[:, 36:42].mean(1), points[:, 42:48].mean(1)], 1)
    return torch.cat([eyes, points[:, [30, 48, 54]]], 1)


def vertex_trust(model: FaceModel) -> Tensor:
    """How much each vertex's colour says about the fit, (1,V,1): skin 1, the mouth's inside 0."""
    trust = torch.ones(1, len(model.mean), 1)
    for region, value in _TRUST.items():
        if region in model.regions:
            trust[0, model.regions[region]] = value
    return trust
