"""Unit quaternions, ordered (w, x, y, z), to rotation matrices and back.

scipy and many file formats order (x, y, z, w): they are converted where they enter, not here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_shape


def quaternion_to_matrix(q: Tensor) -> Tensor:
    """Rotation matrices of quaternions.

    Args:
        q: (..., 4) as (w, x, y, z); any length but 0, normalised here. A quaternion of length 0
            gives the identity with zero gradient.

    Returns:
        (..., 3, 3); q and -q give the same.

    Raises:
        InputError: wrong shape.
    """
    check_shape("q", q, ("...", 4))
    length = torch.linalg.vector_norm(q.detach(), dim=-1, keepdim=True)
    empty = length == 0
    # Divided by its detached length first: squares of tiny or huge numbers would leave the range.
    q = torch.where(empty, q.new_tensor([1.0, 0.0, 0.0, 0.0]), q / length.masked_fill(empty, 1.0))
    w, x, y, z = q.unbind(-1)
    s = 2.0 / q.square().sum(-1)
    flat = (
        *(1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)),
        *(s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)),
        *(s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)),
    )
    return torch.stack(flat, -1).unflatten(-1, (3, 3))


def _outer_product(R: Tensor) -> Tensor:
    """4 q q^T of the quaternion q of R, linear in R; (..., 3, 3) -> (..., 4, 4)."""
    a, b, c = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    x, y, z = (R[..., k, j] - R[..., j, k] for j, k in ((1, 2), (2, 0), (0, 1)))
    yz, xz, xy = (R[..., k, j] + R[..., j, k] for j, k in ((1, 2), (2, 0), (0, 1)))
    rows = (
        (1 + a + b + c, x, y, z),
        (x, 1 + a - b - c, xy, xz),
        (y, xy, 1 - a + b - c, yz),
        (z, xz, yz, 1 - a - b + c),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def matrix_to_quaternion(R: Tensor) -> Tensor:
    """Unit quaternions of rotation matrices.

    The row with the largest diagonal entry of 4 q q^T is normalised (that entry is at least 1), so
    values and gradients are accurate for every rotation, half turns and the identity included.

    Args:
        R: (..., 3, 3) rotation matrices.

    Returns:
        (..., 4) as (w, x, y, z), w >= 0; for half turns (w = 0) the first entry that is not 0 is
        positive up to rounding. The value jumps between q and -q there; its gradient does not.

    Raises:
        InputError: wrong shape.
    """
    check_shape("R", R, ("...", 3, 3))
    outer = _outer_product(R)
    best = torch.diagonal(outer, dim1=-2, dim2=-1).argmax(-1)
    q = torch.take_along_dim(outer, best[..., None, None], dim=-2).squeeze(-2)
    q = q / torch.linalg.vector_norm(q, dim=-1, keepdim=True)
    return torch.where(q[..., :1] < 0, -q, q)
