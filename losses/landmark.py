"""Squared distances between predicted and given landmarks."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from ..geometry.landmarks import Contour, require_same_contour
from .term import term


@term("predicted", "target", "unit")
def landmark_distance(predicted: Tensor, target: Tensor, unit: Tensor) -> Tensor:
    """Squared distance of each point, in multiples of `unit`.

    Args:
        predicted: (B,L,2) pixels.
        target: (B,L,2) pixels.
        unit: (B,1) length in pixels that counts as 1, such as the distance of the eyes.

    Returns:
        (B,L).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    check_shape("unit", unit, (len(predicted), 1))
    return (predicted - target).square().sum(-1) / unit.square()


def known_points(target: Tensor) -> Tensor:
    """Which points of (B,L,2) are given: (B,L) bool, False where a coordinate is NaN."""
    check_shape("target", target, (None, None, 2))
    return torch.isfinite(target).all(-1)


@term("predicted", "target", "unit", masks=["weights"])
def landmark_loss(
    predicted: Tensor,
    target: Tensor,
    weights: Tensor,
    unit: Tensor,
    *,
    contours: tuple[Contour, Contour],
) -> Tensor:
    """Weighted mean squared distance of the points: 1/N sum_n w_n ||p_n - p'_n||^2.

    MLANet's eq 12 (in pixels of its 224-px crop: `unit` 1) and Mobile-FaceRNet's eq 12, which
    writes a bare sum: here it is the mean, of coordinates in parts of the image's side (`unit` its
    size), as its weight of 400 demands. With the weights of `LandmarkErrorWeights` it is
    Mobile-FaceRNet's eq 13. The mean is over N points, not over the weights: a weight of 20 counts
    twenty-fold, as in Deep3D's code.

    Args:
        predicted: (B,L,2) pixels. Points that the face model lacks (NaN) need a weight of 0.
        target: (B,L,2) pixels, NaN where a point is not known.
        weights: (L,) >= 0; presets in `landmark_weights`.
        unit: (B,1) pixels that count as 1.
        contours: kind of the jaw points ("2d" or "3d") of the prediction and of the target.

    Returns:
        (B,). N counts the points that are known and weigh more than 0; the others get a gradient
        of 0. 0 where there are none.

    Raises:
        InputError: the shapes differ, or the kinds of jaw points do.
    """
    require_same_contour(*contours)
    check_shape("predicted", predicted, (None, None, 2))
    check_shape("weights", weights, (predicted.shape[1],))
    check_shape("target", target, tuple(predicted.shape))
    counted = known_points(target) & (weights > 0)
    # Replaced before the difference: NaN times a weight of 0 would still be NaN.
    own = torch.where(counted[..., None], predicted, 0.0)
    given = torch.where(counted[..., None], target, 0.0)
    distance = landmark_distance(own, given, unit) * weights
    return distance.sum(1) / counted.sum(1).clamp(min=1)
