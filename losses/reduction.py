"""The masked reductions every term shares.

Lengths of vectors whose gradient is 0, not NaN, where the length is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from .term import make_term


@make_term("values", masks=["weights"])
def masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over everything but the batch, then over the batch.

    Args:
        values: (B,...) unreduced loss.
        weights: same shape, >= 0. An item whose weights are all 0 contributes 0, with a gradient
            of 0 rather than none.

    Returns:
        a scalar.

    Raises:
        InputError: the shapes differ.
    """
    return masked_mean_each(values, weights).mean()


@make_term("values", masks=["weights"])
def masked_mean_each(values: Tensor, weights: Tensor) -> Tensor:
    """As `masked_mean`, but one mean (B,) per item of the batch."""
    check_shape("weights", weights, tuple(values.shape))
    total = (values * weights)[..., None].flatten(1).sum(1)  # the new axis: values may be (B,)
    return total / weights[..., None].flatten(1).sum(1).clamp(min=1e-8)


@make_term("vectors")
def length(vectors: Tensor, dim: int = -1) -> Tensor:
    """Euclidean length along `dim`, which is dropped; the gradient at 0 is 0."""
    square = vectors.square().sum(dim)
    empty = square == 0
    return torch.where(empty, 0.0, square.masked_fill(empty, 1.0).sqrt())


@make_term("vectors")
def unit(vectors: Tensor) -> Tensor:
    """Vectors (...,C) divided by their length; 0 with a gradient of 0 where there is none."""
    square = vectors.square().sum(-1, keepdim=True)
    empty = square == 0
    return torch.where(empty, 0.0, vectors * square.masked_fill(empty, 1.0).rsqrt())
