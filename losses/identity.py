"""Whether two pictures show the same person to a face recognition network."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from .length import unit
from .term import term


@term("first", "second")
def cosine_distance(first: Tensor, second: Tensor) -> Tensor:
    """1 - cosine of the angle between embeddings: MLANet's eq 11, Deep3D's perceptual term.

    The network is not part of the term: embed photograph and rendering with the same frozen one,
    aligned alike, and detach the photograph's embedding.

    Args:
        first, second: (B,D) embeddings of any length.

    Returns:
        (B,) in [0,2], float32 at least; 1 with a gradient of 0 where an embedding is 0.

    Raises:
        InputError: the shapes differ.
    """
    check_shape("first", first, (None, None))
    check_shape("second", second, tuple(first.shape))
    a, b = (unit(e.to(torch.promote_types(e.dtype, torch.float32))) for e in (first, second))
    return 1 - (a * b).sum(1)
