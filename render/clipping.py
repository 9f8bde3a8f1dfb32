"""Clip triangles in homogeneous coordinates, for rasterizers that divide by w first."""

from __future__ import annotations

import torch
from torch import Tensor

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
