"""Residual attention (Wang et al. 2017, equation 3; Mobile-FaceRNet equation 9)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .residual import conv_norm

_FEWEST = 4


class ResidualAttention(nn.Module):
    """A trunk times 1 + a soft mask for every element: H = (1 + M(x)) F(x).

    Mobile-FaceRNet writes G for the mask in equation 9 and M in the text. Its trunk F is a 1x1
    convolution to half the channels and its mask "two residual modules" without sizes; a result
    with half the channels does not fit the channels of its table 1. Built here: the mask as in the
    original, pooled, two residual modules, back to the size bilinearly, two 1x1 convolutions and a
    sigmoid; then a 1x1 convolution from half the channels to all of them (`restore`).

    Args:
        channels: of the input.
        restore: whether the result has as many channels, else half of them.
    """

    def __init__(self, channels: int, restore: bool = True) -> None:
        super().__init__()
        half = channels // 2
        self.trunk = conv_norm(channels, half, 1)
        self.enter = conv_norm(channels, half, 1)
        self.inner = nn.Sequential(_Bottleneck(half), _Bottleneck(half))
        self.gate = nn.Sequential(
            nn.BatchNorm2d(half),
            nn.ReLU(),
            conv_norm(half, half, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, 1),
        )
        self.restore = conv_norm(half, channels, 1) if restore else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B,channels,H,W) to the same shape, or to half the channels."""
        result: Tensor = self.restore((1 + self.mask(x)) * self.trunk(x))
        return result

    def mask(self, x: Tensor) -> Tensor:
        """M(x), (B,channels/2,H,W) in (0,1)."""
        small = self.inner(functional.max_pool2d(self.enter(x), 3, 2, 1))
        size = (x.shape[2], x.shape[3])
        full = functional.interpolate(small, size, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.gate(full))


class _Bottleneck(nn.Module):
    """Norms and activations first (He et al. 2016b): 1x1 to a quarter, 3x3, 1x1 back, plus x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(_FEWEST, channels // 4)
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            conv_norm(channels, inner, 1),
            nn.ReLU(inplace=True),
            conv_norm(inner, inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.body(x)
        return result
