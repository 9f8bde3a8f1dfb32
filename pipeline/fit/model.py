"""What the fitter needs to know of a face model beyond its bases."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh

# How much a region's colours say about the fit; later ones overwrite earlier ones.
_TRUST = {
    "jaw": 0.5,
    "cheeks": 0.6,
    "ears": 0.0,
    "neck": 0.0,
    "scalp": 0.0,
    "cavities": 0.0,
    "forehead": 0.1,
    "brows": 2.0,
    "eyelids": 2.0,
    "nose": 1.5,
    "lips": 2.0,
    "left_eye": 2.0,
    "right_eye": 2.0,
    "mouth": 0.0,
    "mouth_interior": 0.0,
}


# Standard deviation of a blendshape's weight in photographs, by a part of its name; people smile.
_SPREAD = {"Smile": 0.22, "jawOpen": 0.09, "brow": 0.11, "Blink": 0.11, "Squint": 0.11}
_RARE = 0.06
_JAW, _BROWS = 17, slice(17, 27)  # of ibug68
_MARGIN = 5.0  # mm
_NEEDED = [30, 36, 39, 42, 45, 48, 54]  # of ibug68, for the five points
_EYES = ([*range(36, 42)], [*range(42, 48)])
_REMEDY = "Name their vertices as landmarks_ibug68_vertices; see docs/face_model_format.md."


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
        ModelFacts("five points"),
        ModelMesh(
            five_points(model, model.mean[None])[0], torch.zeros(0, 3), origin=torch.zeros(3)
        ),
        ModelBases(
            identity=at_points(model.identity),
            expression=at_points(model.expression),
            albedo_basis=torch.zeros(len(model.albedo_basis), 5, 3),
        ),
    )


def five_points(model: FaceModel, vertices: Tensor) -> Tensor:
    """What a five-point detector marks, on meshes (B,V,3): eyes, nose tip, mouth corners (B,5,3).

    The eyes are the means of their six outline points (iBUG 36-41 and 42-47), or of their corners
    where the model lacks the others; nose 30, mouth 48 and 54.

    Raises:
        InputError: the model has no set `ibug68`, or lacks one of these points.
    """
    marks = model.landmarks.get("ibug68")
    there = [] if marks is None else torch.nonzero(marks.valid)[:, 0].tolist()
    missing = [k for k in _NEEDED if k not in there]
    if missing:
        got = "no such set" if marks is None else f"none for {missing}"
        raise InputError(f"face model {model.name!r}", f"ibug68 landmarks {_NEEDED}", got, _REMEDY)
    points = model.landmark_points(vertices, "ibug68")
    whole = set(there) >= {*_EYES[0], *_EYES[1]}
    parts = _EYES if whole else ([36, 39], [42, 45])
    eyes = torch.stack([points[:, part].mean(1) for part in parts], 1)
    return torch.cat([eyes, points[:, [30, 48, 54]]], 1)


def vertex_trust(model: FaceModel) -> Tensor:
    """How much each vertex's colour says about the fit, (1,V,1): skin 1, the mouth's inside 0.

    By the model's regions, or, where it names none of these, by its landmarks: above the brows and
    outside the jaw's points there may be hair and clothes.
    """
    trust = torch.ones(1, len(model.mean), 1)
    known = [name for name in _TRUST if name in model.regions]
    for region in known:
        trust[0, model.regions[region]] = _TRUST[region]
    if not known and "ibug68" in model.landmarks:
        points = model.landmark_points(model.mean[None])[0]
        trust[0, _outside_jaw(model.mean, points[:_JAW])] = _TRUST["ears"]
        trust[0, model.mean[:, 1] > points[_BROWS, 1].amax() + _MARGIN] = _TRUST["forehead"]
    return trust


def _outside_jaw(mean: Tensor, jaw: Tensor) -> Tensor:
    """Vertices (V,) beside, below or behind the jaw's points (17,3); none if some are missing."""
    outside = torch.zeros(len(mean), dtype=torch.bool)
    if not bool(torch.isfinite(jaw).all()):
        return outside
    for side in (jaw[: _JAW // 2 + 1], jaw[_JAW // 2 :].flip(0)):  # from an ear to the chin
        sign = float(torch.sign(side[0, 0]))
        edge = _along(side.flip(0), mean[:, 1])
        beside = mean[:, 0] * sign > edge[:, 0] * sign + _MARGIN
        behind = (mean[:, 0] * sign > 0) & (mean[:, 2] < edge[:, 2] - _MARGIN)
        outside |= beside | behind
    return outside | (mean[:, 1] < jaw[:, 1].amin() - _MARGIN)


def _along(line: Tensor, height: Tensor) -> Tensor:
    """Points (V,3) at given heights (V,) of a line (N,3) that rises; its ends go on upright."""
    at = torch.searchsorted(line[:, 1].contiguous(), height.contiguous()).clamp(1, len(line) - 1)
    low, high = line[at - 1], line[at]
    share = (height - low[:, 1]) / (high[:, 1] - low[:, 1]).clamp(min=1e-6)
    return torch.lerp(low, high, share.clamp(0, 1)[:, None])
