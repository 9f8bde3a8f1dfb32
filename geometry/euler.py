"""Euler angles in named conventions, to matrices and back.

A convention says about which axes, in which order of the matrix product, and with which sign the
three angles turn. All matrices act on column vectors, `R @ x`; all angles are radians. With the
right-handed elementary rotations X(t), Y(t), Z(t) (scipy's):

| name            | angles             | R                          | scipy             |
|-----------------|--------------------|----------------------------|-------------------|
| "300w-lp"       | (pitch, yaw, roll) | X(-pitch) Y(-yaw) Z(-roll) | "XYZ", negated    |
| "deep3d"        | (x, y, z)          | Z(z) Y(y) X(x)             | "xyz" (extrinsic) |
| "xyz-intrinsic" | (x, y, z)          | X(x) Y(y) Z(z)             | "XYZ"             |
| "zyx-intrinsic" | (z, y, x)          | Z(z) Y(y) X(x)             | "ZYX"             |

"300w-lp" (Zhu et al., Face Alignment Across Large Poses, CVPR 2016, and its data) has Rx =
[[1,0,0],[0,c,s],[0,-s,c]] and so on, the transposes of the right-handed ones: positive pitch lifts
the nose, positive yaw turns it to the image's left, positive roll is clockwise in the image.
"deep3d" is Deep3DFaceRecon's: its code returns the transpose of our R, because it multiplies row
vectors, `points @ R.T`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import UnknownNameError
from .checks import check_shape


class _Order(NamedTuple):
    axes: tuple[int, int, int]  # of the product's factors, left to right
    sign: int  # of the angles
    reverse: bool  # the angle vector lists the factors right to left


_ORDERS = {
    "300w-lp": _Order((0, 1, 2), -1, False),
    "deep3d": _Order((2, 1, 0), 1, True),
    "xyz-intrinsic": _Order((0, 1, 2), 1, False),
    "zyx-intrinsic": _Order((2, 1, 0), 1, False),
}
EULER_ORDERS = tuple(_ORDERS)


def _order(name: str) -> _Order:
    if name not in _ORDERS:
        raise UnknownNameError("Euler order", name, list(_ORDERS))
    return _ORDERS[name]


def _axis_matrix(axis: int, angle: Tensor) -> Tensor:
    """Right-handed rotation about one axis; angle (...) -> (..., 3, 3)."""
    c, s = torch.cos(angle), torch.sin(angle)
    one, zero = torch.ones_like(c), torch.zeros_like(c)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    entry = {(axis, axis): one, (j, j): c, (k, k): c, (j, k): -s, (k, j): s}
    flat = [entry.get((row, column), zero) for row in range(3) for column in range(3)]
    return torch.stack(flat, -1).unflatten(-1, (3, 3))


def euler_to_matrix(angles: Tensor, order: str = "300w-lp") -> Tensor:
    """Rotation matrices of Euler angles.

    >>> pitch_yaw_roll = torch.tensor([0.0, torch.pi / 2, 0.0])
    >>> nose = torch.tensor([0.0, 0.0, 1.0])
    >>> (euler_to_matrix(pitch_yaw_roll) @ nose).round(decimals=5) + 0  # to the image's left
    tensor([-1.,  0.,  0.])

    Args:
        angles: (..., 3) radians; "300w-lp": (pitch, yaw, roll).
        order: a name of `EULER_ORDERS`; the module's table says what each means.

    Returns:
        (..., 3, 3) matrices for column vectors.

    Raises:
        InputError: wrong shape.
        UnknownNameError: unknown order.
    """
    axes, sign, reverse = _order(order)
    check_shape("angles", angles, ("...", 3))
    first, second, third = (sign * (angles.flip(-1) if reverse else angles)).unbind(-1)
    left = _axis_matrix(axes[0], first) @ _axis_matrix(axes[1], second)
    return left @ _axis_matrix(axes[2], third)


def matrix_to_euler(R: Tensor, order: str = "300w-lp") -> Tensor:
    """Euler angles of rotation matrices, the inverse of `euler_to_matrix`.

    The middle factor's angle lies in [-pi/2, pi/2]. In gimbal lock (that angle is +-pi/2) only the
    sum or difference of the other two is determined: the first factor's angle is then 0 and
    constant, the third takes all of it, so the value is exact and every gradient finite. Each
    angle is computed after the earlier ones are divided out, hence R is reproduced to rounding
    near the lock as well; the first angle's gradient grows there as 1 / cos(middle angle).

    >>> matrix_to_euler(euler_to_matrix(torch.tensor([0.1, -0.5, 0.2])))
    tensor([ 0.1000, -0.5000,  0.2000])

    Args:
        R: (..., 3, 3) rotation matrices.
        order: a name of `EULER_ORDERS`.

    Returns:
        (..., 3) radians.

    Raises:
        InputError: wrong shape.
        UnknownNameError: unknown order.
    """
    (i, j, k), sign, reverse = _order(order)
    check_shape("R", R, ("...", 3, 3))
    parity = 1.0 if (j - i) % 3 == 1 else -1.0
    # R[i,k] = e sin b, R[j,k] = -e sin a cos b, R[k,k] = cos a cos b with e the parity.
    sine, cosine = -parity * R[..., j, k], R[..., k, k]
    locked = sine.square() + cosine.square() < (16 * torch.finfo(R.dtype).eps) ** 2
    first = torch.where(
        locked, 0.0, torch.atan2(sine.masked_fill(locked, 0.0), cosine.masked_fill(locked, 1.0))
    )
    c, s = torch.cos(first), parity * torch.sin(first)
    second = torch.atan2(parity * R[..., i, k], c * R[..., k, k] - s * R[..., j, k])
    row = c[..., None] * R[..., j, :] + s[..., None] * R[..., k, :]
    third = torch.atan2(parity * row[..., i], row[..., j])
    angles = sign * torch.stack((first, second, third), -1)
    return angles.flip(-1) if reverse else angles
