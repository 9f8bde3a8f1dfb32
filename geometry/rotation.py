"""Rotations: quaternions, 6D and rotation vectors to matrices and back, and angles between them.

Matrices act on column vectors, `R @ x`. Unit quaternions are ordered (w, x, y, z); scipy and many
file formats order (x, y, z, w): those are converted where they enter, not here. Euler angles are in
`euler` and offered from here. Every function takes any batch prefix and has finite gradients
everywhere; what holds at a singular point stands in its docstring. The tests compare with
scipy.spatial.transform.Rotation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from .checks import check_shape
from .euler import EULER_ORDERS, euler_to_matrix, matrix_to_euler

__all__ = [
    "EULER_ORDERS",
    "euler_to_matrix",
    "geodesic_angle",
    "matrix_to_euler",
    "matrix_to_quaternion",
    "matrix_to_rotvec",
    "matrix_to_sixd",
    "quaternion_to_matrix",
    "rotvec_to_matrix",
    "sixd_to_matrix",
]


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


def _direction(vector: Tensor, spare: Tensor, reference: Tensor) -> Tensor:
    """`vector` normalised, or `spare` where it is no longer than rounding of `reference`."""
    limit = 16 * torch.finfo(vector.dtype).eps * torch.linalg.vector_norm(reference, dim=-1)
    length = torch.linalg.vector_norm(vector.detach(), dim=-1)
    bad = (length <= limit.detach())[..., None]
    safe = torch.where(bad, spare, vector / length.masked_fill(bad[..., 0], 1.0)[..., None])
    return safe / torch.linalg.vector_norm(safe, dim=-1, keepdim=True)


def sixd_to_matrix(d6: Tensor) -> Tensor:
    """Rotation matrices by Gram-Schmidt of two columns.

    Zhou et al., On the Continuity of Rotation Representations in Neural Networks, CVPR 2019,
    appendix B.

    >>> sixd_to_matrix(torch.tensor([2.0, 0, 0, 1, 3, 0]))
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])

    Args:
        d6: (..., 6): the first column, then the second, of any length and angle between them.
            A first column of length 0 counts as +x; a second one that is 0 or parallel to the
            first (to rounding) counts as the axis least along the first. Both replacements are
            constant: the result is a rotation and the gradient to the replaced column is 0.

    Returns:
        (..., 3, 3).

    Raises:
        InputError: wrong shape.
    """
    check_shape("d6", d6, ("...", 6))
    a, b = d6[..., :3], d6[..., 3:]
    x = _direction(a, a.new_tensor([1.0, 0.0, 0.0]), torch.zeros_like(a))
    rest = b - (x * b).sum(-1, keepdim=True) * x
    axis = torch.eye(3, dtype=a.dtype, device=a.device)[x.detach().abs().argmin(-1)]
    y = _direction(rest, axis - (x * axis).sum(-1, keepdim=True) * x, b)
    return torch.stack((x, y, torch.linalg.cross(x, y)), -1)


def matrix_to_sixd(R: Tensor) -> Tensor:
    """First two columns of rotation matrices; (..., 3, 3) -> (..., 6).

    Raises:
        InputError: wrong shape.
    """
    check_shape("R", R, ("...", 3, 3))
    return torch.cat((R[..., :, 0], R[..., :, 1]), -1)


def rotvec_to_matrix(r: Tensor) -> Tensor:
    """Rotation matrices of rotation vectors (axis times angle).

    Rodrigues' formula R = I + sin(t)/t K + (1 - cos(t))/t^2 K^2; its series where t is small.

    >>> quarter = rotvec_to_matrix(torch.tensor([0.0, 0.0, torch.pi / 2]))
    >>> (quarter @ torch.tensor([1.0, 0.0, 0.0])).round(decimals=5) + 0
    tensor([0., 1., 0.])

    Args:
        r: (..., 3) radians, right-handed; any length.

    Returns:
        (..., 3, 3).

    Raises:
        InputError: wrong shape.
    """
    check_shape("r", r, ("...", 3))
    square = r.square().sum(-1)
    small = square < 1e-4
    t = square.masked_fill(small, 1.0).sqrt()
    a = torch.where(small, 1 - square / 6 * (1 - square / 20 * (1 - square / 42)), torch.sin(t) / t)
    b = torch.where(
        small,
        (1 - square / 12 * (1 - square / 30 * (1 - square / 56))) / 2,
        2 * (torch.sin(t / 2) / t).square(),
    )
    x, y, z = r.unbind(-1)
    o = torch.zeros_like(x)
    K = torch.stack((o, -z, y, z, o, -x, -y, x, o), -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=r.dtype, device=r.device)
    return eye + a[..., None, None] * K + b[..., None, None] * (K @ K)


def matrix_to_rotvec(R: Tensor) -> Tensor:
    """Rotation vectors of rotation matrices, angle in [0, pi].

    At half turns the value jumps between r and -r (both are right); the gradient does not.

    >>> matrix_to_rotvec(rotvec_to_matrix(torch.tensor([0.0, 0.5, 0.0])))
    tensor([0.0000, 0.5000, 0.0000])

    Args:
        R: (..., 3, 3) rotation matrices.

    Returns:
        (..., 3) radians.

    Raises:
        InputError: wrong shape.
    """
    q = matrix_to_quaternion(R)
    w, v = q[..., 0], q[..., 1:]
    square = v.square().sum(-1)
    small = square < 1e-4
    s = square.masked_fill(small, 1.0).sqrt()
    u = square / torch.where(small, w, 1.0).square()
    series = 2 / torch.where(small, w, 1.0) * (1 - u * (1 / 3 - u * (1 / 5 - u / 7)))
    return v * torch.where(small, series, 2 * torch.atan2(s, w) / s)[..., None]


def geodesic_angle(R1: Tensor, R2: Tensor) -> Tensor:
    """Angle of the rotation between two rotations, in [0, pi]; accurate near 0 and pi.

    The angle is a cone around 0 and has a ridge at pi: the gradient is 0 where the two are equal
    and one of the ridge's sides at pi.

    >>> geodesic_angle(torch.eye(3), rotvec_to_matrix(torch.tensor([0.0, 0.0, 0.25])))
    tensor(0.2500)

    Args:
        R1: (..., 3, 3).
        R2: the same shape.

    Returns:
        (...) radians.

    Raises:
        InputError: wrong or unequal shapes.
    """
    check_shape("R1", R1, ("...", 3, 3))
    if R1.shape != R2.shape:
        raise InputError("R2", f"the shape of R1, {tuple(R1.shape)}", f"{tuple(R2.shape)}")
    q = matrix_to_quaternion(R1.transpose(-1, -2) @ R2)
    square = q[..., 1:].square().sum(-1)
    equal = square == 0
    sine = torch.where(equal, 0.0, square.masked_fill(equal, 1.0).sqrt())
    return 2 * torch.atan2(sine, q[..., 0])
