"""Where each texel's mirror image lies, and where a texture's own two edges meet on the head."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.face_model import FaceModel

_SAME = 1e-4  # UV coordinates nearer than this are one place
_REACH = 70.0  # mm from a seam within which both its sides are blended


def near_seam(model: FaceModel) -> Tensor:
    """How near vertices (V,) are to a seam on the midline: 1 on it, 0 far away or without one.

    Such a seam's two edges are each other's mirror images.
    """
    owner, flipped, places = _owners(model), _flipped(model.uv), mirrored_places(model)
    apart = (model.uv - flipped).norm(dim=1) > _SAME
    meets = (places - flipped).norm(dim=1) < _SAME
    middle = model.mean[owner, 0].abs() < _SAME
    seam = torch.unique(owner[middle & apart & meets])
    if not len(seam):
        return torch.zeros(len(model.mean))
    away = torch.cdist(model.mean, model.mean[seam]).min(1).values
    near = (1 - away / _REACH).clamp(min=0)
    return near * near * (3 - 2 * near)


def mirrored_places(model: FaceModel) -> Tensor:
    """The mirror image's UV of each UV point (T,2).

    A vertex on a seam has several places: the one nearest to where u -> 1 - u leads is taken.

    Raises:
        InputError: a model without a mirror map.
    """
    if model.mirror is None:
        raise InputError("face model", "one that knows its mirror image", repr(model.name))
    owner, wanted = _owners(model), _flipped(model.uv)
    order = torch.argsort(owner, stable=True)
    count = torch.bincount(owner, minlength=len(model.mean))
    first, twin = count.cumsum(0) - count, model.mirror[owner]
    least = torch.full((len(owner),), torch.inf)
    place = model.uv.clone()
    for k in range(int(count.max())):
        copy = order[first[twin] + (count[twin] - 1).clamp(min=0, max=k)]
        away = (model.uv[copy] - wanted).norm(dim=1)
        place = torch.where((away < least)[:, None], model.uv[copy], place)
        least = torch.minimum(away, least)
    return place


def _owners(model: FaceModel) -> Tensor:
    """The vertex of each UV point (T,)."""
    owner = torch.zeros(len(model.uv), dtype=torch.int64)
    owner[model.uv_faces.flatten()] = model.faces.flatten()
    return owner


def _flipped(uv: Tensor) -> Tensor:
    return uv * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
