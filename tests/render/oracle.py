"""The rasterizer's primitives once more: slow, obvious, pure torch in float64, differentiable.

Every function takes one image; all pixels against all triangles where that is needed.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_centres(height: int, width: int) -> Tensor:
    """(H,W,2) x_ndc, y_ndc, row 0 at the top."""
    y = 1 - 2 * (torch.arange(height, dtype=torch.float64) + 0.5) / height
    x = 2 * (torch.arange(width, dtype=torch.float64) + 0.5) / width - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)


def solve(corners: Tensor, centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Barycentrics, z/w and w where the view ray through each centre meets each triangle.

    Solves sum b_i (x_i, y_i, w_i) = w (f_x, f_y, 1), sum b_i = 1 with a general 3x3 solver.
    corners (...,3,4), centres (...,2) -> (...,3), (...), (...).
    """
    rays = torch.cat([centres, torch.ones_like(centres[..., :1])], dim=-1)
    matrix = corners[..., [0, 1, 3]].transpose(-1, -2)
    weights = torch.linalg.solve(matrix, rays.expand(matrix.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    b = weights / weights.sum(-1, keepdim=True)
    w = (b * corners[..., 3]).sum(-1)
    return b, (b * corners[..., 2]).sum(-1) / w, w


def rasterize(pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
    """(V,4), (T,3) -> (H,W,4) float64; nearest triangle, the lowest id among equals."""
    height, width = resolution
    centres = pixel_centres(height, width)
    nearest = torch.full((height, width), torch.inf, dtype=torch.float64)
    ids = torch.zeros(height, width, dtype=torch.long)
    pos = pos.double()
    for number, corners in enumerate(pos.detach()[tri.long()], start=1):
        if not corners.isfinite().all() or torch.linalg.det(corners[:, [0, 1, 3]]) == 0:
            continue
        b, z, w = solve(corners.expand(height, width, 3, 4), centres)
        hit = (b >= 0).all(-1) & (w > 0) & (z.abs() <= 1) & (z < nearest)
        nearest, ids = torch.where(hit, z, nearest), torch.where(hit, number, ids)
    return shade(pos, tri, ids)


def shade(pos: Tensor, tri: Tensor, ids: Tensor) -> Tensor:
    """The raster buffer of fixed ids (H,W), differentiable in pos."""
    out = torch.zeros(*ids.shape, 4, dtype=torch.float64)
    hit = ids > 0
    corners = pos.double()[tri.long()[ids[hit] - 1]]
    b, z, _ = solve(corners, pixel_centres(*ids.shape)[hit])
    out[hit] = torch.stack([b[:, 0], b[:, 1], z, ids[hit].double()], dim=-1)
    return out


def interpolate(attr: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
    """(V,A), (H,W,4) -> (H,W,A)."""
    ids = rast[..., 3].long()
    u, v = rast[..., 0:1], rast[..., 1:2]
    corners = attr[tri.long()[(ids - 1).clamp(min=0)]]
    values = u * corners[..., 0, :] + v * corners[..., 1, :] + (1 - u - v) * corners[..., 2, :]
    return values * (ids > 0).unsqueeze(-1)


def texture(tex: Tensor, uv: Tensor) -> Tensor:
    """(h,w,C), (H,W,2) -> (H,W,C): the sum over texels of a tent around each."""
    height, width = tex.shape[:2]
    x = (uv[..., 0] * width - 0.5).clamp(0, width - 1)
    y = ((1 - uv[..., 1]) * height - 0.5).clamp(0, height - 1)
    tent_x = (1 - (x.unsqueeze(-1) - torch.arange(width)).abs()).clamp(min=0)
    tent_y = (1 - (y.unsqueeze(-1) - torch.arange(height)).abs()).clamp(min=0)
    return torch.einsum("ijr,ijc,rck->ijk", tent_y, tent_x, tex)


def small_triangle_ids(pos: Tensor, tri: Tensor, size: int, reach: int) -> Tensor:
    """Ids (size,size) for triangles in front of the camera within boxes of reach x reach pixels."""
    corners = pos.double()[tri.long()]
    x = (corners[..., 0] / corners[..., 3] + 1) * size / 2 - 0.5
    y = (1 - corners[..., 1] / corners[..., 3]) * size / 2 - 0.5
    left, top = x.amin(1).floor().long(), y.amin(1).floor().long()
    if max((x.amax(1) - left).max(), (y.amax(1) - top).max()) >= reach:
        raise ValueError("a triangle is larger than reach")
    found = []
    for row, column in torch.cartesian_prod(torch.arange(reach), torch.arange(reach)).tolist():
        r, c = top + row, left + column
        centre = torch.stack([2 * (c + 0.5) / size - 1, 1 - 2 * (r + 0.5) / size], -1).double()
        b, z, _ = solve(corners, centre)
        hit = (b >= 0).all(-1) & (z.abs() <= 1) & (r >= 0) & (r < size) & (c >= 0) & (c < size)
        found.append(
            torch.stack([(r * size + c).double(), z, torch.arange(len(tri)) + 1.0], -1)[hit]
        )
    ids = torch.zeros(size * size)
    rows = torch.cat(found)
    # Written from the farthest to the nearest, so that the nearest stays.
    for pixel, _, number in rows[rows[:, 1].argsort(descending=True)].tolist():
        ids[int(pixel)] = number
    return ids.reshape(size, size)
