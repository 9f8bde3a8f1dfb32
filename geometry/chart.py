"""A texture chart for face models that come without one: the surface unrolled from a cylinder."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .face_model import FaceModel
from .uv_tables import triangle_charts

_MARGIN = 0.02  # of the texture's side, left free round the chart
_STRIP = 0.2  # of the texture's height, for parts beside the largest
_MOST_PARTS = 256  # more are no parts but loose triangles, and stay where they are
_CELL = 0.1  # of a part's cell, left free round it


def with_chart(model: FaceModel) -> FaceModel:
    """The model itself where it has texture coordinates, else with a chart made for it.

    The largest part is unrolled from a cylinder: its axis is vertical, in the middle of the part's
    depth; u runs round it from the subject's right to the left, v up. What lies behind something
    else on the way from the axis (the inside of a mouth) shares its place. Parts that are not
    connected with it (eyeballs, teeth) lie in a row below, each seen from its broadest side.
    """
    if len(model.uv) > 1:
        return model
    return model.with_uv(*charts(model.mean, model.faces))


def charts(mean: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Texture coordinates (T,2) of vertices (V,3), and the triangles' corners (F,3) in them."""
    part = _parts(faces, len(mean))
    rest = (part != 0).nonzero()[:, 0]
    if not len(rest):
        return unrolled(mean, faces)
    main = (part == 0).nonzero()[:, 0]
    uv, main_corners = unrolled(mean, faces[main])
    uv = uv * torch.tensor([1, 1 - _STRIP]) + torch.tensor([0, _STRIP])
    corners = torch.empty_like(faces)
    corners[main] = main_corners
    places = [uv]
    numbers = part[rest].unique().tolist()
    across = math.ceil(math.sqrt(len(numbers) / _STRIP))
    down = math.ceil(len(numbers) / across)
    for cell, number in enumerate(numbers):
        where = (part == number).nonzero()[:, 0]
        ids, local = faces[where].unique(return_inverse=True)
        corners[where] = local + sum(len(place) for place in places)
        row, column = divmod(cell, across)
        low = torch.tensor([column / across, row * _STRIP / down])
        inside = _CELL + (1 - 2 * _CELL) * _flat(mean[ids])
        places.append(low + inside * torch.tensor([1 / across, _STRIP / down]))
    return torch.cat(places), corners


def _parts(faces: Tensor, count: int) -> Tensor:
    """The number of the part that hangs together of each triangle (F,), 0 for the largest."""
    owner = triangle_charts(faces.cpu().numpy(), count)
    _, number, sizes = np.unique(owner, return_inverse=True, return_counts=True)
    if len(sizes) > _MOST_PARTS:
        return torch.zeros(len(faces), dtype=torch.int64, device=faces.device)
    rank = np.argsort(np.argsort(-sizes, kind="stable"))
    return torch.from_numpy(rank[number]).to(faces.device)


def _flat(points: Tensor) -> Tensor:
    """Points (N,3) seen from their broadest side, in [0,1] (N,2)."""
    centred = (points - points.mean(0)).double()
    _, axes = torch.linalg.eigh(centred.T @ centred)
    plane = centred @ axes[:, 1:]
    low, high = plane.amin(0), plane.amax(0)
    return ((plane - low) / (high - low).clamp(min=1e-9)).to(points)


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
