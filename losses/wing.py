"""Wing loss of coordinates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape
from .term import term


@term("predicted", "target")
def wing(predicted: Tensor, target: Tensor, width: float = 10.0, curvature: float = 2.0) -> Tensor:
    """Wing loss of each coordinate (Feng et al., CVPR 2018; R3FA's eq 4, CSANet's eq 9).

    width * ln(1 + |x| / curvature) where |x| < width, else |x| - C, with
    C = width - width * ln(1 + width / curvature), so that both pieces meet.

    R3FA and CSANet take width 10 and curvature 2 on points in pixels of a 120-px crop, 68
    landmarks and 132 vertices chosen anew for each batch (`random_points`), with the depth offset
    of the target (`affine_vertices`), and average over the coordinates.

    Args:
        predicted, target: equal shapes (B,...), pixels.
        width, curvature: pixels, > 0.

    Returns:
        the same shape.

    Raises:
        InputError: the shapes differ, a number is not positive.
    """
    check_shape("target", target, tuple(predicted.shape))
    if not (width > 0 and curvature > 0):
        raise InputError("width, curvature", "positive numbers", f"{width}, {curvature}")
    error = (predicted - target).abs()
    shift = width - width * math.log1p(width / curvature)
    return torch.where(error < width, width * torch.log1p(error / curvature), error - shift)
