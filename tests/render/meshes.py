"""Small meshes in clip space for the rasterizer's tests."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def soup(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random separate triangles with depth and perspective, all in front: (V,4), (T,3)."""
    generator = torch.Generator().manual_seed(seed)
    pos = torch.rand(3 * count, 4, generator=generator) * 2.4 - 1.2
    w = 0.5 + torch.rand(3 * count, generator=generator)
    pos[:, :3] *= w[:, None]
    pos[:, 2] *= 0.8
    pos[:, 3] = w
    return pos, torch.arange(3 * count, dtype=torch.int32).reshape(-1, 3)


def grid(rows: int, columns: int) -> Tensor:
    """Triangles of a grid of (rows+1) x (columns+1) vertices, all wound the same way."""
    index = torch.arange((rows + 1) * (columns + 1), dtype=torch.int32)
    index = index.reshape(rows + 1, columns + 1)
    a, b = index[:-1, :-1].flatten(), index[:-1, 1:].flatten()
    c, d = index[1:, :-1].flatten(), index[1:, 1:].flatten()
    return torch.cat([torch.stack([a, c, b], 1), torch.stack([b, c, d], 1)])


def sheet(rows: int, columns: int, half: float = 0.9, angle: float = 0.0) -> tuple[Tensor, Tensor]:
    """A flat square sheet, x and y in -half..half, turned by `angle` (radians)."""
    y, x = torch.meshgrid(
        torch.linspace(half, -half, rows + 1),
        torch.linspace(-half, half, columns + 1),
        indexing="ij",
    )
    c, s = math.cos(angle), math.sin(angle)
    x, y = (c * x - s * y).flatten(), (s * x + c * y).flatten()
    pos = torch.stack([x, y, torch.zeros_like(x), torch.ones_like(x)], 1)
    return pos, grid(rows, columns)


def bumpy_ball(rows: int, columns: int, size: float = 0.8) -> tuple[Tensor, Tensor]:
    """A closed-looking bumpy ellipsoid in perspective, facing the camera."""
    theta, phi = torch.meshgrid(
        torch.linspace(0.05, math.pi - 0.05, rows + 1),
        torch.linspace(0, 2 * math.pi, columns + 1),
        indexing="ij",
    )
    radius = 1 + 0.06 * torch.sin(5 * theta) * torch.cos(4 * phi)
    x = radius * theta.sin() * phi.sin()
    y = 1.2 * radius * theta.cos()
    z = radius * theta.sin() * phi.cos()
    depth = 5 - z
    # Off centre, so that no edge runs exactly through pixel centres.
    x, y = x + 0.0123, y + 0.0071
    pos = torch.stack([4 * size * x, 4 * size * y, depth * 0 + (depth - 5) * 2, depth], -1)
    return pos.reshape(-1, 4), grid(rows, columns)


def centres(height: int, width: int, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    """x and y (H,W) in NDC of the pixel centres, plus `shift`."""
    y = 1 - (2 * torch.arange(height) + 1) / height
    x = (2 * torch.arange(width) + 1) / width - 1
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return grid_x + shift, grid_y + shift
