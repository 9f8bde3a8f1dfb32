"""The error of landmarks that recipes tell of their validation sets."""

from __future__ import annotations

import torch
from torch import Tensor


def nme(predicted: Tensor, true: Tensor, known: Tensor, boxed: Tensor | None = None) -> Tensor:
    """Normalised mean error: mean distance of points in % of sqrt(box of the true ones).

    SADRNet's equation 25, and that of 300W-LP's and AFLW2000-3D's protocols.

    Args:
        predicted: (B,N,2) pixels.
        true: (B,N,2) pixels; may be NaN where a point is not known.
        known: (B,N) bool, the points whose distances count.
        boxed: (B,N) bool, the points that the box is round; None: those that are known.

    Returns:
        (B,); NaN for a face without points.

    Example:
        >>> square = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])
        >>> nme(square + torch.tensor([0.3, 0.4]), square, torch.ones(1, 4, dtype=torch.bool))
        tensor([5.0000])
    """
    inside = (known if boxed is None else boxed)[..., None]
    high = torch.where(inside, true, -torch.inf).amax(1)
    low = torch.where(inside, true, torch.inf).amin(1)
    distance = torch.where(known, (predicted - true).norm(dim=-1), 0.0)
    error = 100 * distance.sum(1) / known.sum(1) / (high - low).prod(1).sqrt()
    return error.masked_fill(~known.any(1), torch.nan)
