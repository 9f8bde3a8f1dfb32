"""Weighted parameter distance cost, as 3DDFA's code has it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from .affine_basis import AffineBasis
from .term import term

_EPS = 1e-6  # pixels
_DEPTH_OFFSET = 11


@term("predicted", "target")
def wpdc(predicted: Tensor, target: Tensor, basis: AffineBasis) -> Tensor:
    """w (p - g)^2 of whitened parameters, weighted by what each entry's error moves.

    Zhu et al., CVPR 2016, in the form of cleardusk/3DDFA; CSANet's and R3FA's loss. R3FA's eq 3
    calls W the inverse standard deviations, which is `pdc`.

    Args:
        predicted, target: (B,P), whitened.
        basis: the points, the whitening and the scale.

    Returns:
        (B,P); the loss is the mean over all. No gradient goes through the weights.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("predicted", predicted, (None, len(basis.std)))
    check_shape("target", target, tuple(predicted.shape))
    return wpdc_weights(predicted, target, basis) * (predicted - target).square()


@torch.no_grad()
def wpdc_weights(predicted: Tensor, target: Tensor, basis: AffineBasis) -> Tensor:
    """The weights (B,P) of `wpdc`, at most 1 in each row.

    With dp the error of an entry in its own units and (X,Y,Z) the coordinates of the N points of
    the *target's* face (an early version of 3DDFA took the prediction's: cleardusk/3DDFA_V2#65),
    an entry moves the points by, in pixels:

    - a column 0, 1, 2 of the rotation: |dp| times the norm of X, Y, Z over the points;
    - a translation in x or y: |dp| sqrt(N);
    - a coefficient: pixels_per_unit |dp| times the norm of its basis vector at the points.

    To each 1e-6 is added, then all are divided by the face's largest. The offset in depth counts 0.

    Args:
        predicted, target, basis: as `wpdc`.
    """
    error = (basis.unwhiten(predicted) - basis.unwhiten(target)).abs()
    points = basis.model_points(basis.unwhiten(target))
    reach = points.norm(dim=1)  # (B,3), of X, Y, Z
    shift = torch.full_like(reach[:, :1], math.sqrt(points.shape[1]))
    pose = torch.cat([reach, shift], 1).repeat(1, 3)  # three rows of (X, Y, Z, 1)
    bases = torch.cat([basis.points.identity, basis.points.expression]).flatten(1).norm(dim=1)
    lengths = (basis.pixels_per_unit * bases).expand(len(error), -1)
    weights = error * torch.cat([pose, lengths], 1) + _EPS
    counted = torch.ones_like(weights)
    counted[:, _DEPTH_OFFSET] = 0
    weights = weights * counted
    return weights / weights.amax(1, keepdim=True)
