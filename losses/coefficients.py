"""Terms on coefficients: their error against true ones, and priors of coefficients and light."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from ..geometry.checks import check_shape
from ..geometry.coefficients import Coefficients
from .term import make_term


@make_term("predicted", "target")
def coefficient_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared difference of coefficients, in units that make all of them comparable.

    Args:
        predicted: (B,K).
        target: the same shape.

    Returns:
        (B,K).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    return (predicted - target).square()


_WALL = 0.03  # how far a blendshape weight may stray out of [0,1], as a standard deviation


@make_term("coefficients")
def gaussian_prior(coefficients: Tensor) -> Tensor:
    """a^2 of coefficients in standard deviations: twice their negative log likelihood.

    >>> import torch
    >>> gaussian_prior(torch.tensor([[0.0, -2.0, 1.0]]))
    tensor([[0., 4., 1.]])

    Args:
        coefficients: (B,K).

    Returns:
        (B,K).

    Raises:
        InputError: another number of dimensions.
    """
    check_shape("coefficients", coefficients, (None, None))
    return coefficients.square()


@make_term("weights", "spread")
def blendshape_prior(weights: Tensor, spread: Tensor) -> Tensor:
    """Prior of blendshape weights: a half normal on [0,1] with a steep wall outside.

    Args:
        weights: (B,K).
        spread: (K,) standard deviation of each shape's activation, > 0.

    Returns:
        (B,K).

    Raises:
        InputError: the sizes differ.
    """
    check_shape("weights", weights, (None, len(spread)))
    outside = functional.relu(-weights) + functional.relu(weights - 1)
    return (weights / spread).square() + (outside / _WALL).square()


@make_term("light")
def light_prior(light: Tensor) -> Tensor:
    """Penalty on coloured light, so that skin colour goes into the albedo (Deep3D's L_gamma).

    Args:
        light: (B,9,3).

    Returns:
        (B,9,3), squared deviations from the mean of the channels.

    Raises:
        InputError: another shape.
    """
    check_shape("light", light, (None, 9, 3))
    return (light - light.mean(2, keepdim=True)).square()


@dataclass(frozen=True)
class PriorWeights:
    """The weights of the squared norms of a face's coefficients in `coefficient_prior`, all >= 0.

    Attributes:
        identity: of the identity coefficients.
        expression: of the expression coefficients.
        albedo: of the albedo coefficients.
    """

    identity: float
    expression: float
    albedo: float


MLANET_PRIOR = PriorWeights(identity=1.0, expression=0.8, albedo=1.7e-2)
"""MLANet's eq 13 and Deep3D, for coefficients in standard deviations; times 3e-4 in the total.

The paper's eq 15 multiplies by the 3e-4 of its eq 9 a second time; it is meant once. It drops
Deep3D's penalty on coloured light (`light_prior`, times 10 there) without a word.
"""

MOBILE_FACERNET_PRIOR = PriorWeights(identity=2e-5, expression=4e-4, albedo=2e-2)
"""Mobile-FaceRNet's eq 17: w_alpha, w_delta and w_beta, in the order of this class."""


def coefficient_prior(
    coefficients: Coefficients,
    weights: PriorWeights,
    expression_spread: Tensor | None = None,
) -> Tensor:
    """w_a ||a||^2 + w_d ||d||^2 + w_b ||b||^2: MLANet's eq 13, Mobile-FaceRNet's eq 17.

    The norms are sums over the coefficients, as the papers' weights expect, one value per face.
    Eq 17 has a sum over i in front, though no i follows: it is left out.

    Args:
        coefficients: of B faces.
        weights: such as `MLANET_PRIOR`.
        expression_spread: (Ke,) for a model whose expressions are blendshapes (0..1), whose prior
            is `blendshape_prior`; None where they are in standard deviations.

    Returns:
        (B,).

    Raises:
        InputError: the spread has another size than the expression coefficients.
    """
    expression = (
        gaussian_prior(coefficients.expression)
        if expression_spread is None
        else blendshape_prior(coefficients.expression, expression_spread)
    )
    return (
        weights.identity * gaussian_prior(coefficients.identity).sum(1)
        + weights.expression * expression.sum(1)
        + weights.albedo * gaussian_prior(coefficients.albedo).sum(1)
    )
