"""The masked reductions every term shares."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape
from .term import term


@term("values", masks=["weights"])
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


@term("values", masks=["weights"])
def masked_mean_each(values: Tensor, weights: Tensor) -> Tensor:
    """As `masked_mean`, but one mean (B,) per item of the batch."""
    check_shape("weights", weights, tuple(values.shape))
    total = (values * weights)[..., None].flatten(1).sum(1)  # the new axis: values may be (B,)
    return total / weights[..., None].flatten(1).sum(1).clamp(min=1e-8)
