"""The parts of a face model that a file of it keeps apart: skin, teeth, the mouth, either eye."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.face_model import FaceModel

EYES = ("left_eye", "right_eye")
"""Parts that turn: nodes of their own."""

_INNER = ("mouth_interior", "cavities")
_FEWEST = 4  # vertices that have a centre


@dataclass(frozen=True)
class Part:
    """Some triangles of a face model, with one vertex per pair of position and texture place.

    Attributes:
        name: "skin", "teeth", "inner" (gums, tongue, the sock of the mouth, eye cavities),
            "left_eye" or "right_eye".
        vertices: (N,) the model's vertex of each of its own. uv: (N,) its texture coordinate.
        faces: (F,3) into its own vertices.
    """

    name: str
    vertices: NDArray[np.int64]
    uv: NDArray[np.int64]
    faces: NDArray[np.int64]


def split_head(model: FaceModel) -> list[Part]:
    """The parts that a model has, skin first; all of it is skin where it names no regions."""
    return list(_parts(model))


def eye_centre(points: Tensor) -> Tensor:
    """Middle (3,) of the ball that is nearest to points (N,3) of an eye, around which it turns."""
    if len(points) < _FEWEST:
        return points.mean(0)
    middle = points.mean(0).double()
    about = points.double() - middle
    system = torch.cat([2 * about, torch.ones_like(about[:, :1])], 1)
    found = torch.linalg.lstsq(system, about.square().sum(1, keepdim=True)).solution[:3, 0]
    return (middle + found).to(points)


def _parts(model: FaceModel) -> Iterator[Part]:
    left = torch.ones(len(model.faces), dtype=torch.bool)
    inner = {"teeth": ("teeth",), "inner": _INNER, **{name: (name,) for name in EYES}}
    kept = {}
    for name, regions in inner.items():
        own = left & _within(model, regions)
        left &= ~own
        if own.any():
            kept[name] = own
    for name, own in {"skin": left, **kept}.items():
        if own.any():
            yield _part(name, model, own)


def _within(model: FaceModel, regions: tuple[str, ...]) -> Tensor:
    """Triangles (F,) all of whose corners lie in one of the regions."""
    known = [model.regions[name] for name in regions if name in model.regions]
    if not known:
        return torch.zeros(len(model.faces), dtype=torch.bool)
    return torch.stack(known).any(0)[model.faces].all(1)


def _part(name: str, model: FaceModel, own: Tensor) -> Part:
    corners = np.stack([model.faces[own].numpy().ravel(), model.uv_faces[own].numpy().ravel()], 1)
    unique, index = np.unique(corners, axis=0, return_inverse=True)
    return Part(name, unique[:, 0], unique[:, 1], index.reshape(-1, 3))
