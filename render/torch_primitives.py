"""Interpolation, texture and the raster buffer in plain torch, for any device, given who sees what,
and the clipping of triangles in homogeneous coordinates for rasterizers that divide by w first.

Visibility (triangle ids) has no gradient, so whatever finds it, the rest is elementary: with the
pixel-relative homogeneous vertices a_i = (x_i - f_x w_i, y_i - f_y w_i), the edge functions
e_0 = a_1 x a_2, e_1 = a_2 x a_0, e_2 = a_0 x a_1 over their sum are the perspective-correct
barycentrics (Olano and Greer 1997, "Triangle scan conversion using 2D homogeneous coordinates").
No value outside the image's triangles enters a sum, so that NaN elsewhere cannot spread.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

GUARD = 16.0
PLANES = (
    (0.0, 0.0, 1.0, 1.0),
    (0.0, 0.0, -1.0, 1.0),
    (1.0, 0.0, 0.0, GUARD),
    (-1.0, 0.0, 0.0, GUARD),
    (0.0, 1.0, 0.0, GUARD),
    (0.0, -1.0, 0.0, GUARD),
)
"""n with n . (x,y,z,w) >= 0 inside: |z| <= w (near and far) and |x|, |y| <= `GUARD` w.

Together they imply w >= 0. The sides lie far out: they only keep coordinates in a range where
float32 is exact enough, so that hardly any triangle of a face needs a cut.
"""

_ANY_TRIANGLE = ((0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0))
"""Clip positions of a triangle with an area, which stands in at the empty pixels."""


def cut(corners: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of triangles on one side of a plane through the origin.

    Args:
        corners: (N,3,4).
        plane: (4,).

    Returns:
        (M,3,4) triangles and (M,) int64, which of the N each is a part of, in increasing order.
    """
    distance = corners @ plane
    inside = distance >= 0
    count = inside.sum(1)
    # The corner alone on its side comes first, the order around the triangle stays.
    alone = torch.where(count == 1, inside.int().argmax(1), (~inside).int().argmax(1))
    order = (alone[:, None] + torch.arange(3, device=corners.device)) % 3
    a, b, c = corners.gather(1, order[..., None].expand(-1, -1, 4)).unbind(1)
    da, db, dc = distance.gather(1, order)[..., None].unbind(1)
    p, q = a + da / (da - db) * (b - a), a + da / (da - dc) * (c - a)
    one, two, whole = count == 1, count == 2, count == 3
    parts = [
        (whole, (corners[:, 0], corners[:, 1], corners[:, 2])),
        (one, (a, p, q)),
        (two, (p, b, c)),
        (two, (p, c, q)),
    ]
    kept = torch.cat([torch.stack(points, 1)[which] for which, points in parts])
    source = torch.cat([which.nonzero()[:, 0] for which, _ in parts])
    order = source.argsort(stable=True)
    return kept[order], source[order]


def clip(corners: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of finite triangles within all `PLANES`, with w > 0.

    Args:
        corners: (N,3,4).

    Returns:
        (M,3,4) and (M,) int64, which of the N each is a part of, in increasing order.
    """
    source = torch.arange(len(corners), device=corners.device)
    for plane in torch.tensor(PLANES, dtype=corners.dtype, device=corners.device):
        corners, part = cut(corners, plane)
        source = source[part]
    drawable = (corners[..., 3] > 0).all(1)
    return corners[drawable], source[drawable]


def pixel_centres(height: int, width: int, device: torch.device) -> Tensor:
    """(H,W,2) x_ndc, y_ndc in float32, row 0 at the top."""
    y = 1 - (2 * torch.arange(height, dtype=torch.float64) + 1) / height
    x = (2 * torch.arange(width, dtype=torch.float64) + 1) / width - 1
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y], -1).float().to(device)


def raster_buffer(pos: Tensor, tri: Tensor, ids: Tensor) -> Tensor:
    """The raster buffer of known visibility, differentiable in all of `pos`.

    Args:
        pos: (B,V,4) clip space.
        tri: (T,3) int32, T > 0.
        ids: (B,H,W) int64, triangle + 1, 0 where empty.

    Returns:
        (B,H,W,4): u, v, z/w, id as float.
    """
    hit = ids > 0
    vertices = tri.long()[(ids - 1).clamp(min=0)]
    image = torch.arange(len(pos), device=pos.device)[:, None, None, None]
    corners = torch.where(
        hit[..., None, None], pos[image, vertices], torch.tensor(_ANY_TRIANGLE, device=pos.device)
    )
    x, y, z, w = corners.unbind(-1)  # (B,H,W,3) each
    height, width = ids.shape[1:]
    fx, fy = pixel_centres(height, width, pos.device)[..., None].unbind(-2)
    x, y = x - fx * w, y - fy * w
    edges = x.roll(-1, -1) * y.roll(-2, -1) - y.roll(-1, -1) * x.roll(-2, -1)
    total = edges.sum(-1, keepdim=True)
    weights = edges / torch.where(total == 0, torch.ones_like(total), total)
    bottom = (weights * w).sum(-1)
    depth = (weights * z).sum(-1) / torch.where(bottom == 0, torch.ones_like(bottom), bottom)
    out = torch.stack([weights[..., 0], weights[..., 1], depth, ids.to(pos.dtype)], -1)
    return torch.where(hit[..., None], out, torch.zeros_like(out))


def interpolate(attr: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
    """See `Rasterizer.interpolate`; pixels whose id is no triangle of `tri` are empty."""
    number = rast[..., 3].detach()
    hit = (number >= 1) & (number < len(tri) + 1)
    if not len(tri):
        nothing = attr[:, :0].sum() + rast[..., :0].sum()  # keeps the graph
        return nothing + attr.new_zeros(*rast.shape[:3], attr.shape[2])
    ids = torch.where(hit, number, torch.ones_like(number)).long() - 1
    vertices = tri.long()[ids]
    u, v = torch.where(hit[..., None], rast[..., :2], torch.zeros_like(rast[..., :2])).split(1, -1)
    image = torch.arange(len(rast), device=attr.device)[:, None, None] if len(attr) != 1 else 0
    out = torch.zeros((), device=attr.device)
    for corner, weight in enumerate((u, v, 1 - u - v)):
        value = attr[image, vertices[..., corner]]
        out = out + torch.where(hit[..., None], value, torch.zeros_like(value)) * weight
    return out


def texture(tex: Tensor, uv: Tensor) -> Tensor:
    """See `Rasterizer.texture`; NaN reads the top left texel, as the back end "cpu" does."""
    free = torch.tensor([0.0, 1.0], device=uv.device)
    uv = torch.where(uv.isnan(), free, uv).clamp(0, 1)
    # grid_sample: x right, y down, -1 and 1 at the outer borders of the texels.
    where = torch.stack([2 * uv[..., 0] - 1, 1 - 2 * uv[..., 1]], -1)
    if len(tex) == 1:  # one texture for all images: no copies of it, nor of its gradient
        where = where.reshape(1, uv[..., 0].numel(), 1, 2)
    values = grid_sample(
        tex.permute(0, 3, 1, 2), where, "bilinear", padding_mode="border", align_corners=False
    )
    return values.permute(0, 2, 3, 1).reshape(*uv.shape[:3], tex.shape[3])
