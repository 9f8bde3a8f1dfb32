"""Terms on dense points: distances in the plane and in depth, their likelihood under a predicted
uncertainty, the visibility of points, and the wing loss of coordinates.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ..core.errors import InputError
from ..geometry.checks import check_shape
from .term import make_term

_SAFE = 1e-12  # squared units, so that roots have a gradient


@make_term("predicted", "target", "unit")
def point_distance(predicted: Tensor, target: Tensor, unit: Tensor) -> Tensor:
    """Distance in x and y of each point, in multiples of a unit: the NME before its mean.

    >>> unit = torch.tensor([[10.0]])
    >>> point_distance(torch.tensor([[[3.0, 4.0, 9.0]]]), torch.zeros(1, 1, 3), unit)
    tensor([[0.5000]])

    Args:
        predicted: (B,N,2), or (B,N,3) of which z is ignored, any unit of length.
        target: the same shape.
        unit: (B,1) > 0, the square root of the face's box area in the same unit of length.

    Returns:
        (B,N).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    check_shape("unit", unit, (len(predicted), 1))
    squared = (predicted - target)[..., :2].square().sum(-1)
    return (squared + _SAFE).sqrt() / unit


@make_term("predicted", "target", "unit")
def depth_distance(predicted: Tensor, target: Tensor, unit: Tensor) -> Tensor:
    """Absolute difference in z of each point, in multiples of a unit.

    Args:
        predicted: (B,N,3), any unit of length.
        target: the same shape.
        unit: (B,1) > 0, in the same unit of length.

    Returns:
        (B,N).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("predicted", predicted, (None, None, 3))
    check_shape("target", target, tuple(predicted.shape))
    check_shape("unit", unit, (len(predicted), 1))
    return (predicted[..., 2] - target[..., 2]).abs() / unit


@make_term("predicted", "target", "unit")
def gap_distance(predicted: Tensor, target: Tensor, pairs: Tensor, unit: Tensor) -> Tensor:
    """Error in x and y of the vector between the points of each pair, in multiples of a unit.

    Of lips and lids: where both points err alike, what is shut stays shut.

    Args:
        predicted: (B,N,2) or (B,N,3), any unit of length.
        target: the same shape.
        pairs: (P,2) int64, indices of the N points.
        unit: (B,1) > 0, in the same unit of length.

    Returns:
        (B,P).

    Raises:
        InputError: the shapes differ.
    """
    first, second = pairs[:, 0], pairs[:, 1]
    gap, true_gap = (p[:, first, :2] - p[:, second, :2] for p in (predicted, target))
    return point_distance(gap, true_gap, unit)


@make_term("logits", masks=["visible"])
def visibility_error(logits: Tensor, visible: Tensor) -> Tensor:
    """Binary cross entropy of the prediction that points are visible.

    Args:
        logits: (B,N).
        visible: (B,N) in [0,1] or bool, the truth.

    Returns:
        (B,N).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("visible", visible, tuple(logits.shape))
    return functional.binary_cross_entropy_with_logits(
        logits, visible.to(logits.dtype), reduction="none"
    )


@make_term("distance", "log_sigma")
def distance_likelihood(distance: Tensor, log_sigma: Tensor) -> Tensor:
    """Negative log likelihood of distances in the plane, up to a constant: r / s + 2 log s.

    The density exp(-r / s) / (2 pi s^2) is the rotationally symmetric Laplace one of two
    dimensions. Whoever wants the scale alone to learn passes a detached distance: otherwise hard
    faces, whose scale is large, stop teaching (Seitzer et al., On the Pitfalls of Heteroscedastic
    Uncertainty Estimation, ICLR 2022).

    Args:
        distance: (B,N) >= 0.
        log_sigma: (B,N) logarithm of the scale s, in the same unit.

    Returns:
        (B,N).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("log_sigma", log_sigma, tuple(distance.shape))
    return distance * torch.exp(-log_sigma) + 2 * log_sigma


@make_term("points")
def box_unit(points: Tensor) -> Tensor:
    """Square root of the area of the box round the points of each face.

    >>> box_unit(torch.tensor([[[0.0, 0.0], [8.0, 2.0]]]))
    tensor([[4.]])

    Args:
        points: (B,N,2) or (B,N,3), of which z is ignored.

    Returns:
        (B,1), in the points' unit.
    """
    plane = points[..., :2]
    sides = plane.amax(1) - plane.amin(1)
    return sides.prod(1, keepdim=True).clamp(min=_SAFE).sqrt()


@make_term("predicted", "target")
def wing(predicted: Tensor, target: Tensor, width: float = 10.0, curvature: float = 2.0) -> Tensor:
    """Wing loss of each coordinate (Feng et al., CVPR 2018; R3FA's eq 4, CSANet's eq 9).

    width * ln(1 + |x| / curvature) where |x| < width, else |x| - C, with
    C = width - width * ln(1 + width / curvature), so that both pieces meet.

    R3FA and CSANet take width 10 and curvature 2 on points in pixels of a 120-px crop, 68
    landmarks and 132 vertices chosen anew for each batch (`random_points`), with the depth offset
    of the target (`affine_vertices`), and average over the coordinates.

    >>> wing(torch.tensor([0.0, 2.0, 100.0]), torch.zeros(3))
    tensor([  0.0000,   6.9315, 107.9176])

    Args:
        predicted: (B,...), pixels.
        target: the same shape.
        width: pixels up to which the loss is logarithmic, > 0.
        curvature: pixels, > 0; the smaller, the steeper near 0.

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
