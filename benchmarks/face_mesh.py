"""A procedural face-like mesh for the benchmarks: a bumpy ellipsoid, open at the back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DISTANCE = 6.0


def face_mesh(triangles: int) -> tuple[Tensor, Tensor]:
    """About so many triangles: vertices (V,3), half as wide as 1, and tri (T,3) int32."""
    cells = round(math.sqrt(triangles / 2))
    latitude, longitude = torch.meshgrid(
        torch.linspace(1.45, -1.45, cells + 1), torch.linspace(-1.9, 1.9, cells + 1), indexing="ij"
    )
    radius = 1 + 0.05 * torch.sin(6 * latitude) * torch.cos(5 * longitude)
    radius = radius + 0.3 * torch.exp(-((longitude / 0.2) ** 2) - (latitude / 0.25) ** 2)
    x = radius * latitude.cos() * longitude.sin()
    y = 1.2 * radius * latitude.sin()
    z = radius * latitude.cos() * longitude.cos()
    index = torch.arange((cells + 1) ** 2, dtype=torch.int32).reshape(cells + 1, cells + 1)
    a, b = index[:-1, :-1].flatten(), index[:-1, 1:].flatten()
    c, d = index[1:, :-1].flatten(), index[1:, 1:].flatten()
    # Both triangles of a cell side by side, as face models store them.
    tri = torch.stack([a, c, b, b, c, d], dim=1).reshape(-1, 3)
    return torch.stack([x, y, z], dim=-1).reshape(-1, 3), tri.contiguous()


def clip_positions(vertices: Tensor, batch: int, scale: float = 0.8) -> Tensor:
    """(B,V,4): the mesh turned by yaws of -0.4..0.4 rad, about 60 % of the image at 0.8."""
    yaw = torch.linspace(-0.4, 0.4, batch) if batch > 1 else torch.zeros(1)
    x, y, z = vertices.unbind(-1)
    turned_x = yaw.cos()[:, None] * x + yaw.sin()[:, None] * z
    turned_z = yaw.cos()[:, None] * z - yaw.sin()[:, None] * x
    w = DISTANCE - turned_z
    focal = scale * DISTANCE
    depth = 2 * (w - DISTANCE)
    return torch.stack([focal * turned_x, focal * y.expand_as(w), depth, w], -1).contiguous()
