"""Pictures of faces side by side, for people who watch a training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def row_of(images: Tensor) -> Tensor:
    """Images (N,3,H,W) side by side, (3,H,N W)."""
    return torch.cat(list(images), 2)


def sheet_of(rows: Sequence[Tensor]) -> Tensor:
    """Images (N,3,H,W) of each row side by side, and the rows below one another."""
    return torch.cat([row_of(row) for row in rows], 1)
