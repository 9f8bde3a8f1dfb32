"""What every loss term ends with: masked means, and lengths whose gradient at 0 is 0, not NaN."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from .term import make_term


@make_term("values", masks=["weights"])
def masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of each item of the batch, then the mean over the batch.

    >>> values = torch.tensor([[1.0, 3.0], [5.0, 7.0]])
    >>> masked_mean(values, torch.tensor([[True, True], [True, False]]))
    tensor(3.5000)

    Args:
        values: (B,...) unreduced loss.
        weights: same shape, >= 0 or bool. An item whose weights are all 0 contributes 0, with a
            gradient of 0 rather than none.

    Returns:
        a scalar.

    Raises:
        InputError: the shapes differ.
    """
    return masked_mean_each(values, weights).mean()


@make_term("values", masks=["weights"])
def masked_mean_each(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of each item of the batch.

    >>> masked_mean_each(torch.tensor([[1.0, 3.0]]), torch.tensor([[3.0, 1.0]]))
    tensor([1.5000])

    Args:
        values: (B,...) unreduced loss.
        weights: same shape, >= 0 or bool. The mean of an item whose weights are all 0 is 0.

    Returns:
        (B,).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("weights", weights, tuple(values.shape))
    total = (values * weights)[..., None].flatten(1).sum(1)  # the new axis: values may be (B,)
    return total / weights[..., None].flatten(1).sum(1).clamp(min=1e-8)


@make_term("vectors")
def length(vectors: Tensor, dim: int = -1) -> Tensor:
    """Euclidean length along one dimension, whose gradient at 0 is 0.

    Args:
        vectors: any shape.
        dim: the dimension of the components, which the result lacks.
    """
    square = vectors.square().sum(dim)
    empty = square == 0
    return torch.where(empty, 0.0, square.masked_fill(empty, 1.0).sqrt())


@make_term("vectors")
def unit(vectors: Tensor) -> Tensor:
    """Vectors (...,C) divided by their length; 0 with a gradient of 0 where the length is 0."""
    square = vectors.square().sum(-1, keepdim=True)
    empty = square == 0
    return torch.where(empty, 0.0, vectors * square.masked_fill(empty, 1.0).rsqrt())
