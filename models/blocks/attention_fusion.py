"""Attentional feature fusion (AFF; Dai et al. 2021) and MLANet's progressive block (PAF)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from .residual import conv_norm

COMBINE = ("sum", "concat")


class AttentionFusion(nn.Module):
    """A weighted mean of two maps; the weights come from both, from each place and from the whole.

    w = sigmoid(local(c) + global(mean(c))) and y = factor (w x + (1 - w) y), where c combines both
    maps; local and global are 1x1 convolutions to channels/reduction and back, with batch norms,
    that of the global one over the batch alone.

    MLANet's equation 6 concatenates (twice the channels, which its weights in equation 8 cannot
    have) and its equation 8 has no factor; the original adds the maps and multiplies by 2. Built
    here: the sum, factor 1; "concat" brings the concatenation back to the channels with a 1x1
    convolution.

    Args:
        channels: of each map and of the result.
        reduction: of the inner channels; 4 is the original's.
        combine: "sum" or "concat".
        factor: 1 as in MLANet's equation 8, 2 as in the original.

    Raises:
        InputError: another way to combine.
    """

    def __init__(
        self, channels: int, reduction: int = 4, combine: str = "sum", factor: float = 1.0
    ) -> None:
        super().__init__()
        if combine not in COMBINE:
            raise InputError("combine", f"one of {', '.join(COMBINE)}", repr(combine))
        self.factor = factor
        self.mix = conv_norm(2 * channels, channels, 1) if combine == "concat" else None
        self.local_weights = _bottleneck(channels, reduction)
        self.global_weights = _bottleneck(channels, reduction)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Two maps (B,channels,H,W) to one of the same shape; at least two images in training."""
        combined = x + y if self.mix is None else self.mix(torch.cat([x, y], 1))
        whole = self.global_weights(combined.mean((2, 3), keepdim=True))
        weights = torch.sigmoid(self.local_weights(combined) + whole)
        fused: Tensor = self.factor * (weights * x + (1 - weights) * y)
        return fused


class ProgressiveFusion(nn.Module):
    """MLANet's PAF (equations 6 to 8): a finer map brought to the next scale and fused with it.

    D is a 1x1 convolution with stride 2 from C to 2C channels, here with batch norm, as ResNet's
    shortcuts have it. Equation 8 weighs F_high itself, whose shape does not fit: D(F_high) is
    meant. (Figure 3's caption has the coarse map upsampled instead.)

    Args:
        inputs: C, channels of the finer map. outputs: 2C, of the coarser map and the result.
        combine, factor: see `AttentionFusion`.
    """

    def __init__(
        self, inputs: int, outputs: int, combine: str = "sum", factor: float = 1.0
    ) -> None:
        super().__init__()
        self.down = conv_norm(inputs, outputs, 1, 2)
        self.fuse = AttentionFusion(outputs, combine=combine, factor=factor)

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        """(B,inputs,2H,2W) and (B,outputs,H,W) to (B,outputs,H,W)."""
        fused: Tensor = self.fuse(self.down(high), low)
        return fused


def _bottleneck(channels: int, reduction: int) -> nn.Sequential:
    inner = max(1, channels // reduction)
    return nn.Sequential(
        conv_norm(channels, inner, 1), nn.ReLU(inplace=True), conv_norm(inner, channels, 1)
    )
