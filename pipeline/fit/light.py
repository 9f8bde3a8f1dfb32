"""Light and the photograph: a robust linear solve for the spherical harmonics."""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.checks import check_shape
from ...geometry.coefficients import SH_AMBIENT
from ...geometry.sh import sh_basis

_ROUNDS = 4
_RIDGE = 0.02  # relative pull of bands 1 and 2 towards zero


def solve_light(
    photo: Tensor, albedo: Tensor, normals: Tensor, weight: Tensor, scale: float = 0.1
) -> Tensor:
    """Least-squares light for known albedo and normals, iteratively reweighted.

    Image formation is linear in the light: I = albedo * (basis(n) @ light); each round
    down-weights pixels by the Geman-McClure weight of their residual.

    Args:
        photo: (B,3,H,W). albedo: (B,3,H,W). normals: (B,3,H,W) unit vectors in camera space.
        weight: (B,1,H,W) >= 0, 0 where the face is not.
        scale: residual in [0,1] at which a pixel counts a quarter.

    Returns:
        light (B,9,3).
    """
    for name, value in (("albedo", albedo), ("normals", normals)):
        check_shape(name, value, tuple(photo.shape))
    check_shape("weight", weight, (len(photo), 1, *photo.shape[2:]))
    basis = sh_basis(normals.flatten(2).transpose(1, 2))  # (B,N,9)
    target = photo.flatten(2)  # (B,3,N)
    design = albedo.flatten(2)[..., None] * basis[:, None]  # (B,3,N,9)
    given = weight.flatten(2)
    robust = torch.ones_like(given)
    for _ in range(_ROUNDS):
        light = ridge_light(design, target, given * robust)
        error = ((design @ light[..., None])[..., 0] - target).square().mean(1, keepdim=True)
        robust = (scale**2 / (error + scale**2)).square()
    return light.transpose(1, 2)


def ridge_light(design: Tensor, target: Tensor, weight: Tensor, tint: float = 0.0) -> Tensor:
    """One weighted ridge regression per face, bands 1 and 2 pulled towards zero.

    Args:
        design: (B,3,N,9) albedo times harmonics. target: (B,3,N). weight: (B,1,N) >= 0.
        tint: relative pull of these bands towards having one colour, the differences between
            channels to zero; no more than the pull on each makes the channels independent.

    Returns:
        light (B,3,9).
    """
    weighted = design * weight[..., None]
    normal = weighted.transpose(-1, -2) @ design
    right = (weighted.transpose(-1, -2) @ target[..., None])[..., 0]
    ridge = torch.full((9,), _RIDGE).to(design)
    ridge[0] = 1e-4
    prior = torch.zeros(9).to(design)
    prior[0] = SH_AMBIENT
    strength = normal[..., 0, 0, None] * ridge + 1e-6
    right = right + strength * prior
    normal = normal + torch.diag_embed(strength)
    if tint <= _RIDGE:
        return torch.linalg.solve(normal, right)
    return _solve_tinted(normal, right, tint - _RIDGE)


def _solve_tinted(normal: Tensor, right: Tensor, pull: float) -> Tensor:
    """Lights (B,3,9) of normal equations (B,3,9,9) whose channels are pulled towards their mean."""
    level = normal[..., 0, 0].mean(1)[:, None, None] * pull
    apart = torch.eye(3).to(normal) - 1 / 3
    bands = torch.diag(torch.tensor([0.0] + [1.0] * 8)).to(normal)
    whole = torch.kron(apart, bands) * level
    for c in range(3):
        whole[:, 9 * c : 9 * c + 9, 9 * c : 9 * c + 9] += normal[:, c]
    return torch.linalg.solve(whole, right.flatten(1)).unflatten(1, (3, 9))
