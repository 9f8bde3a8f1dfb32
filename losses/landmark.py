"""Squared distances between predicted and given landmarks, unreduced."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape


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
