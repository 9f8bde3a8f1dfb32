"""Hybrid spatial and channel attention (HSCA; MLANet equations 4 and 5)."""

from __future__ import annotations

from torch import Tensor, nn

from .coordinate_attention import CoordinateAttention
from .squeeze_excitation import SqueezeExcitation


class HybridAttention(nn.Module):
    """Attention to rows and columns, then to channels.

    F_spatial = sigmoid(Conv [AvgPool_H(F); AvgPool_W(F)]) F (equation 4) and
    F_channel = sigmoid(Conv(AvgPool(F_spatial))) F_spatial (equation 5).

    Sizes and activations of the convolutions are not given, and figure 2's caption describes
    another order (concatenated, reshaped, "channel attention maps", split). Built as the equations
    say, from the parts they are modelled on: coordinate attention with h-swish, reduction 32, then
    squeeze and excitation with reduction 16.

    Args:
        channels: of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = CoordinateAttention(channels, 32, "hswish")
        self.channel = SqueezeExcitation(channels, 16)

    def forward(self, x: Tensor) -> Tensor:
        """(B,channels,H,W) to the same shape."""
        refined: Tensor = self.channel(self.spatial(x))
        return refined
