"""The last layer of networks that predict parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_SPREAD = 1e-3


class OutputLayer(nn.Linear):
    """Features to parameters, in float32 whatever surrounds it, near 0 at first.

    Half precision here would be an error of tenths of pixels; and 0 is the mean face in every
    parameter layout, so training starts from it.

    Args:
        inputs, outputs: numbers.
        bias: whether one is added.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        nn.init.normal_(self.weight, std=_SPREAD)
        if bias:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B,inputs) to (B,outputs), float32."""
        with torch.autocast(features.device.type, enabled=False):
            return functional.linear(features.float(), self.weight, self.bias)
