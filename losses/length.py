"""Lengths of vectors whose gradient is 0, not NaN, where the length is 0."""

from __future__ import annotations

import torch
from torch import Tensor

from .term import term


@term("vectors")
def length(vectors: Tensor, dim: int = -1) -> Tensor:
    """Euclidean length along `dim`, which is dropped; the gradient at 0 is 0."""
    square = vectors.square().sum(dim)
    empty = square == 0
    return torch.where(empty, 0.0, square.masked_fill(empty, 1.0).sqrt())


@term("vectors")
def unit(vectors: Tensor) -> Tensor:
    """Vectors (...,C) divided by their length; 0 with a gradient of 0 where there is none."""
    square = vectors.square().sum(-1, keepdim=True)
    empty = square == 0
    return torch.where(empty, 0.0, vectors * square.masked_fill(empty, 1.0).rsqrt())
