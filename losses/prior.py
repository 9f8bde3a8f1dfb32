"""Priors on coefficients and light, unreduced."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ..geometry.checks import check_shape

_WALL = 0.03  # how far a blendshape weight may stray out of [0,1], as a standard deviation


def gaussian_prior(coefficients: Tensor) -> Tensor:
    """a^2 for coefficients (B,K) in standard deviations: twice the negative log likelihood."""
    check_shape("coefficients", coefficients, (None, None))
    return coefficients.square()


def blendshape_prior(weights: Tensor, spread: Tensor) -> Tensor:
    """Prior of blendshape weights (B,K): a half normal on [0,1] with a steep wall outside.

    Args:
        weights: (B,K).
        spread: (K,) standard deviation of each shape's activation, > 0.
    """
    check_shape("weights", weights, (None, len(spread)))
    outside = functional.relu(-weights) + functional.relu(weights - 1)
    return (weights / spread).square() + (outside / _WALL).square()


def light_prior(light: Tensor) -> Tensor:
    """Penalise coloured light, so that skin colour goes into the albedo (Deep3D's L_gamma).

    Args:
        light: (B,9,3).

    Returns:
        (B,9,3), squared deviations from the mean of the channels.
    """
    check_shape("light", light, (None, 9, 3))
    return (light - light.mean(2, keepdim=True)).square()
