"""Error of predicted coefficients against known ones, unreduced."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape
from .term import term


@term("predicted", "target")
def coefficient_error(predicted: Tensor, target: Tensor) -> Tensor:
    """(a - b)^2 of coefficients (B,K) in units that make all of them comparable, (B,K).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    return (predicted - target).square()
