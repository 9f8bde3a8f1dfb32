"""The MobileBlock with dense connection of MobDenseNet, DAMDNet and CSANet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .residual import conv_norm


class MobileDenseUnit(nn.Module):
    """An inverted bottleneck whose result is joined to its input instead of added to it.

    1x1 to `expansion` times the channels, 3x3 for each channel, 1x1 and norm; `enhance`; then
    concatenated with the input, ReLU, and a 1x1 transition with norm to `outputs` channels
    (R3FA, figure 3 and section 3.2). Sizes, norms and the 1x1 convolution on the input's side,
    which the paper does not mention, are those of DAMDNet's public code.

    Args:
        inputs, outputs: channels.
        stride: of the 3x3 convolution and on the input's side.
        expansion: of the inner channels.
        project: whether the input passes a 1x1 convolution (with `stride`) and a norm on its side.
        enhance: what the bottleneck's result passes; None for nothing.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expansion: int,
        project: bool,
        enhance: nn.Module | None = None,
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.bottleneck = nn.Sequential(
            conv_norm(inputs, inner, 1),
            nn.ReLU(inplace=True),
            conv_norm(inner, inner, 3, stride, groups=inner),
            nn.ReLU(inplace=True),
            conv_norm(inner, outputs, 1),
        )
        self.enhance = enhance or nn.Identity()
        self.side = conv_norm(inputs, inputs, 1, stride) if project else nn.Identity()
        self.transition = conv_norm(inputs + outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) to (B,outputs,H/stride,W/stride)."""
        joined = torch.cat([self.enhance(self.bottleneck(x)), self.side(x)], 1)
        result: Tensor = self.transition(functional.relu(joined))
        return result
