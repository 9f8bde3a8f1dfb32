"""Depthwise separable convolutions: the units of MobileNetV1 and V2."""

from __future__ import annotations

from torch import Tensor, nn

from .residual import QUIET, conv_norm


def depthwise_separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 for each channel alone, then 1x1, each with norm and ReLU (Howard et al. 2017, fig. 3).

    It multiplies 9 inputs + inputs outputs times for every place, a 3x3 convolution
    9 inputs outputs times.
    """
    return nn.Sequential(
        conv_norm(inputs, inputs, 3, stride, groups=inputs),
        nn.ReLU(inplace=True),
        conv_norm(inputs, outputs, 1),
        nn.ReLU(inplace=True),
    )


class InvertedResidual(nn.Module):
    """MobileNetV2's unit (Sandler et al. 2018, table 1): wide inside, narrow and linear outside.

    1x1 to `expansion` times the channels and ReLU6, 3x3 for each channel and ReLU6, 1x1 without
    activation; plus the input where its shape allows, quietly at first: at full strength,
    Mobile-FaceRNet's features lost all but two of their dimensions within a hundred steps.

    Args:
        inputs, outputs: channels.
        stride: of the 3x3 convolution.
        expansion: t; with 1 the first convolution is left out.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [conv_norm(inputs, inner, 1), nn.ReLU6(inplace=True)]
        layers += [conv_norm(inner, inner, 3, stride, groups=inner), nn.ReLU6(inplace=True)]
        last = conv_norm(inner, outputs, 1)
        self.body = nn.Sequential(*layers, last)
        self.adds = stride == 1 and inputs == outputs
        if self.adds:
            nn.init.constant_(last.get_parameter("1.weight"), QUIET)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) to (B,outputs,H/stride,W/stride)."""
        y: Tensor = self.body(x)
        return x + y if self.adds else y
