"""The normalised mean error of landmarks on tensors, for validation and fits that need gradients.

Its twin for arrays, which every table of a protocol comes from, is `landmarks.landmark_nme`; tests
hold the two together.
"""

from __future__ import annotations

import torch
from torch import Tensor


def batch_nme(
    predicted: Tensor, truth: Tensor, known: Tensor, boxed: Tensor | None = None
) -> Tensor:
    """Mean distance of points in percent of the root of the area of the true points' box.

    Eq 25 of SADRNet. Differentiable in `predicted`; nothing is checked, so that it costs a
    validation nothing.

    >>> truth = torch.tensor([[[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [torch.nan, torch.nan]]])
    >>> known = torch.isfinite(truth).all(2)
    >>> batch_nme(truth + torch.tensor([3.0, 4.0]), truth, known)
    tensor([5.])

    Args:
        predicted: (B,N,2) pixels.
        truth: (B,N,2) pixels; what it holds where a point is not known does not matter.
        known: (B,N) bool, the points whose distances count.
        boxed: (B,N) bool, the points whose box is the unit; None: those of `known`.

    Returns:
        (B,) percent; NaN for a face of which no point is known.
    """
    inside = (known if boxed is None else boxed)[..., None]
    high = torch.where(inside, truth, -torch.inf).amax(1)
    low = torch.where(inside, truth, torch.inf).amin(1)
    distance = torch.where(known, (predicted - truth).norm(dim=-1), 0.0)
    percent = 100 * distance.sum(1) / known.sum(1) / (high - low).prod(1).sqrt()
    return percent.masked_fill(~known.any(1), torch.nan)
