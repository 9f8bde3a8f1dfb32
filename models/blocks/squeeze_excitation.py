"""Squeeze and excitation (Hu et al. 2018, equations 2 to 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SqueezeExcitation(nn.Module):
    """One gate for every channel: y = x * sigmoid(W2 ReLU(W1 mean(x))), without biases.

    Args:
        channels: of the input and the output.
        reduction: the inner channels are channels // reduction, at least 1. 16 is the paper's and
            that of DAMDNet's code.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, inner, bias=False)
        self.excite = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B,channels,H,W) to the same shape."""
        inner = functional.relu(self.squeeze(x.mean((2, 3))))
        return x * torch.sigmoid(self.excite(inner))[:, :, None, None]
