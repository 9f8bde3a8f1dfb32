"""A texture chart for face models that come without one: the surface unrolled from a cylinder."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .face_model import FaceModel

_MARGIN = 0.02  # of the texture's side, left free round the chart


def with_chart(model: FaceModel) -> FaceModel:
    """The model itself where it has texture coordinates, else with a chart made for it.

    The cylinder's axis is vertical, in the middle of the mean face's depth; u runs round it from
    the subject's right to the left, v up. What lies behind something else on the way from the axis
    (the inside of a mouth) shares its place.
    """
    if len(model.uv) > 1:
        return model
    return model.with_uv(*unrolled(model.mean, model.faces))


def unrolled(mean: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Texture coordinates (T,2) of vertices (V,3), and the triangles' corners (F,3) in them.

    Vertices of triangles across the seam at the back have a second place beyond it: T >= V.
    """
    axis = (mean[:, 2].amin() + mean[:, 2].amax()) / 2
    angle = torch.atan2(mean[:, 0], mean[:, 2] - axis)
    around = angle[faces]
    torn = (around.amax(1) - around.amin(1) > math.pi)[:, None] & (around < 0)
    moved, where = torch.unique(faces[torn], return_inverse=True)
    corners = faces.clone()
    corners[torn] = len(mean) + where
    source = torch.cat([torch.arange(len(mean), device=mean.device), moved])
    angle = torch.cat([angle, angle[moved] + 2 * math.pi])
    height = mean[source, 1]
    u = 0.5 + angle / (2 * angle.abs().max().clamp(min=1e-6))
    v = (height - height.min()) / (height.max() - height.min()).clamp(min=1e-6)
    return _MARGIN + (1 - 2 * _MARGIN) * torch.stack([u, v], 1), corners
