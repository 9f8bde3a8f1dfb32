"""Coefficients as one vector per face, in units that make all of its entries comparable."""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_shape
from .coefficients import Coefficients

EXPRESSION_UNIT = 0.3  # about the spread of a blendshape's weight where it is active
_LIGHT_TERMS = 27


def coefficients_to_vector(coefficients: Coefficients) -> Tensor:
    """(B, Ki + Ke + Ka + 27): identity, expression / 0.3, albedo, light flattened (9,3)."""
    c = coefficients
    return torch.cat([c.identity, c.expression / EXPRESSION_UNIT, c.albedo, c.light.flatten(1)], 1)


def vector_to_coefficients(vector: Tensor, sizes: tuple[int, int, int]) -> Coefficients:
    """The inverse for a model of `sizes` = (Ki, Ke, Ka).

    Raises:
        InputError: the vector has another length.
    """
    check_shape("vector", vector, (None, sum(sizes) + _LIGHT_TERMS))
    identity, expression, albedo, light = vector.split([*sizes, _LIGHT_TERMS], 1)
    return Coefficients(identity, expression * EXPRESSION_UNIT, albedo, light.unflatten(1, (9, 3)))
