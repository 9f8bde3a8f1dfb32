"""MobDenseNet (R3FA, Jiang et al. 2019): MobileNetV2's plan with dense connections; 62 outputs.

Two things of the paper are not what they seem: the 10.900M "Params" of its table 2 are megabytes
(2.736 M parameters of 4 bytes), and the size of the input, which it does not state, is 120 pixels
by the 4x4 pooling of the public code. That code also decides what the figures leave open. DAMDNet
and CSANet are this network, `DenseMobileNetwork`, with attention inside its units and between its
layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks.output import OutputLayer
from .blocks.residual import conv_norm
from .inputs import check_images, check_size
from .network import Network

STEM, FEATURES = 32, 1280
PLANES = (16, 24, 32, 64, 96, 160, 320)
_UNITS = (1, 2, 3, 4, 3, 3, 1)
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EXPANSIONS = (1, 6, 6, 6, 6, 6, 6)
_LEAST_SIZE = 64
ForChannels = Callable[[int], nn.Module | None]
"""A part for so many channels, or None for nothing."""


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


@dataclass(frozen=True)
class MobDenseNetOptions:
    """Sizes of the network.

    Attributes:
        outputs: numbers predicted; 62 = 12 (pose) + 40 (shape) + 10 (expression).
        size: side of the square input in pixels.
    """

    outputs: int = 62
    size: int = 120

    def __post_init__(self) -> None:
        check_size(self.size, 1, _LEAST_SIZE)


class DenseMobileNetwork(Network):
    """The plan that MobDenseNet, DAMDNet and CSANet share.

    3x3 convolution with stride 2 to 32 channels; seven layers of 1, 2, 3, 4, 3, 3, 1 units of
    `MobileDenseUnit`; 1x1 convolution to 1280 channels without norm or activation; mean; linear.

    Args:
        outputs: how many numbers are predicted.
        size: side of the square input in pixels.
        enhance: makes the part inside every unit, for a number of channels.
        attend: makes the part after every layer, for a number of channels.
    """

    output_kind = "parameters"

    def __init__(
        self,
        outputs: int,
        size: int,
        enhance: ForChannels = lambda channels: None,
        attend: ForChannels = lambda channels: None,
    ) -> None:
        super().__init__()
        self.input_shape = (3, size, size)
        self.stem = nn.Sequential(conv_norm(3, STEM, 3, 2), nn.ReLU(inplace=True))
        channels, layers = STEM, []
        for planes, units, stride, expansion in zip(
            PLANES, _UNITS, _STRIDES, _EXPANSIONS, strict=True
        ):
            layers.append(_layer(channels, planes, units, stride, expansion, enhance))
            channels = planes
        self.layers = nn.ModuleList(layers)
        self.attention = nn.ModuleList(attend(planes) or nn.Identity() for planes in PLANES)
        self.expand = nn.Conv2d(channels, FEATURES, 1, bias=False)
        self.output = OutputLayer(FEATURES, outputs, bias=False)
        self.apply(_he_initialisation)

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,size,size) RGB in [0,1] to (B,outputs)."""
        check_images(images, self.input_shape)
        x = self.stem((255 * images - 127.5) / 128)
        for layer, attention in zip(self.layers, self.attention, strict=True):
            x = attention(layer(x))
        numbers: Tensor = self.output(self.expand(x).mean((2, 3)))
        return numbers


class MobDenseNet(DenseMobileNetwork):
    """Crops to 62 numbers, without attention inside or between the layers.

    It has 2.736 M parameters, and makes 117.9 M multiplications for 120 pixels.

    Args:
        options: see `MobDenseNetOptions`.
    """

    paper = "R3FA (Jiang et al. 2019)"

    def __init__(self, options: MobDenseNetOptions | None = None) -> None:
        o = options or MobDenseNetOptions()
        super().__init__(o.outputs, o.size)
        self.options = o


def _layer(
    inputs: int, outputs: int, units: int, stride: int, expansion: int, enhance: ForChannels
) -> nn.Sequential:
    """The first unit strides and has a convolution on its input's side; the others have none."""
    first = MobileDenseUnit(inputs, outputs, stride, expansion, True, enhance(outputs))
    rest = (
        MobileDenseUnit(outputs, outputs, 1, expansion, False, enhance(outputs))
        for _ in range(units - 1)
    )
    return nn.Sequential(first, *rest)


def _he_initialisation(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d) and module.bias is None:
        nn.init.kaiming_normal_(module.weight)
