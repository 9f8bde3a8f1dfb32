"""Values of a face continued round it, and fading with distance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST = 4  # pixels of the coarsest level's shorter side


def spread(values: Tensor, known: Tensor) -> Tensor:
    """Values (C,h,w) continued smoothly to where they are not known.

    Each level of a pyramid averages what is known of the one below; on the way back what is not
    known is filled from the level above.

    >>> row = torch.tensor([[[1.0, 0, 0, 0, 3.0]]])
    >>> spread(row, torch.tensor([[1.0, 0, 0, 0, 1.0]])).flatten()[[0, 4]]
    tensor([1., 3.])

    Args:
        values: heard where `known` (h,w) is 1. known: in [0,1].
    """
    weight = known[None].to(values)
    return _filled(values[None], weight[None])[0]


def _filled(values: Tensor, weight: Tensor) -> Tensor:
    size = values.shape[-2:]
    if min(size) <= _SMALLEST or bool((weight > 0).all()):
        total = weight.sum((2, 3), keepdim=True).clamp(min=1e-9)
        mean = (values * weight).sum((2, 3), keepdim=True) / total
        return torch.where(weight > 0, values, mean)
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    amount = functional.adaptive_avg_pool2d(weight, half)
    coarse = functional.adaptive_avg_pool2d(values * weight, half) / amount.clamp(min=1e-9)
    above = _filled(coarse, (amount > 0).to(values))
    smooth = functional.interpolate(above, size=size, mode="bilinear", align_corners=False)
    return torch.where(weight > 0, values, smooth)


def fading(covered: Tensor, reach: float) -> Tensor:
    """1 on a mask (h,w) and beyond it less with the distance, 0 from `reach` pixels on.

    >>> fading(torch.tensor([[True, False, False, False]]), 2.0)
    tensor([[1.0000, 0.5000, 0.0000, 0.0000]])

    Args:
        covered: (h,w) bool. reach: pixels.
    """
    from scipy.ndimage import distance_transform_edt

    if not bool(covered.any()):
        return torch.zeros(covered.shape)
    away = distance_transform_edt(~covered.numpy())
    share = np.clip(1 - away / max(reach, 1e-6), 0, 1)
    return torch.from_numpy((share * share * (3 - 2 * share)).astype(np.float32))


def softened(mask: Tensor, radius: int) -> Tensor:
    """A mask (h,w) averaged twice over squares of 2 * radius + 1 pixels."""
    if radius < 1:
        return mask
    soft, side = mask[None, None], 2 * radius + 1
    for _ in range(2):
        padded = functional.pad(soft, [radius] * 4, mode="replicate")
        soft = functional.avg_pool2d(padded, side, 1)
    return soft[0, 0]
