"""Error of predicted classes of places, unreduced."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ..geometry.checks import check_shape
from .term import term


@term("logits")
def segmentation_error(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross entropy of logits (B,C,H,W) with classes (B,H,W) int64, (B,H,W).

    Raises:
        InputError: the shapes differ.
    """
    count, _, height, width = logits.shape
    check_shape("classes", classes, (count, height, width))
    return functional.cross_entropy(logits, classes, reduction="none")
