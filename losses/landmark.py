"""Squared distances between predicted and given landmarks, unreduced."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape


def landmark_distance(predicted: Tensor, target: Tensor, unit: float) -> Tensor:
    """Squared distance of each point, in multiples of `unit`.

    Args:
        predicted: (B,L,2) pixels.
        target: (B,L,2) pixels.
        unit: length in pixels that counts as 1, such as the distance of the eyes.

    Returns:
        (B,L).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    return (predicted - target).square().sum(-1) / unit**2
