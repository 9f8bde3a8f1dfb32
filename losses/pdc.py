"""Parameter distance cost."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape
from .term import term


@term("predicted", "target")
def pdc(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared difference of whitened parameters (Zhu et al., CVPR 2016).

    Whitening divides by the standard deviations of the training set. This is R3FA's eq 3 but for
    the power: it calls W the inverse standard deviations, and whitening gives their squares'.

    Args:
        predicted, target: (B,P), whitened.

    Returns:
        (B,P).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("predicted", predicted, (None, None))
    check_shape("target", target, tuple(predicted.shape))
    return (predicted - target).square()
