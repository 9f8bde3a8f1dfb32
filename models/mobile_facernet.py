"""Mobile-FaceRNet: MobileNetV2 behind features of several scales, residual attention between.

Where the paper (section 3, table 1) contradicts itself, and what is built:
- "Avgpool 7x7" fits an input of 224 pixels, the stated 64 leave 2x2 places: a mean over all.
- Residual attention gives half the channels (3.3), table 1 needs all: a 1x1 convolution back.
- The text has an encoder and a decoder with upsampling and skips, table 1 a plain classifier with
  1x1 outputs: table 1.
- Table 4 gives 2.56 M parameters, 2.40 M without attention. Neither can hold: MobileNetV2 with the
  495 outputs of equation 10 has 2.858 M before anything is added (2.224 M of features and
  1281 x 495 of the last layer; with 62 outputs, as in the table that its baselines' figures come
  from, 2.303 M), and the learned bases of equations 3 and 4 add 42.6 M. Ours, counted, with 495
  outputs and without bases: 3.251 M, 2.882 M without attention, 3.228 M without multi-scale
  features, 2.858 M without both; 83.6 M multiplications at 64 px, of which the module of
  section 3.2, at full resolution, takes 56 M.

In front are features of several scales, from densely connected units with dilation (section 3.2);
after every layer is residual attention (Wang et al. 2017, equation 3; here equation 9).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import InputError
from .blocks.output import OutputLayer
from .blocks.residual import conv_norm
from .blocks.separable import InvertedResidual
from .heads.learned_bases import LearnedBases
from .inputs import check_images, check_size
from .network import Network

DILATIONS = (1, 3, 1)
_FEWEST = 4
_STEM, _FEATURES = 32, 1280
_LAYERS = (  # expansion t, channels c, units n, stride s: table 1
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class DilatedUnit(nn.Module):
    """A 1x1 convolution and three residual modules of one 3x3 convolution, the middle one dilated.

    One convolution in each module, because only so do equations 7 and 8 give the receptive field
    of 11 that the paper states: 1 + 2 + 6 + 2.

    Args:
        inputs: channels of the input.
        width: channels of the result; 8 in the paper.
        dilations: of the three modules.
    """

    def __init__(self, inputs: int, width: int = 8, dilations: tuple[int, ...] = DILATIONS) -> None:
        super().__init__()
        self.enter = nn.Sequential(conv_norm(inputs, width, 1), nn.ReLU(inplace=True))
        self.convolutions = nn.ModuleList(conv_norm(width, width, 3, dilation=d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) to (B,width,H,W)."""
        y: Tensor = self.enter(x)
        for convolution in self.convolutions:
            y = functional.relu(y + convolution(y))
        return y


class MultiScaleFeatures(nn.Module):
    """Two 3x3 convolutions, then units that each see all maps before them; all maps together.

    The paper does not say how many units: five, since a chain of five has the receptive field of
    51 that it states (31 without dilation), beyond that of the two convolutions.

    Args:
        inputs: channels of the image.
        width: channels of every map.
        units: number of units.
        dilations: of the units.
    """

    def __init__(
        self,
        inputs: int = 3,
        width: int = 8,
        units: int = 5,
        dilations: tuple[int, ...] = DILATIONS,
    ) -> None:
        super().__init__()
        self.outputs = width * (units + 1)
        self.enter = nn.Sequential(
            conv_norm(inputs, width),
            nn.ReLU(inplace=True),
            conv_norm(width, width),
            nn.ReLU(inplace=True),
        )
        self.units = nn.ModuleList(
            DilatedUnit(width * (k + 1), width, dilations) for k in range(units)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B,inputs,H,W) to (B,outputs,H,W), outputs = width (units + 1)."""
        maps: Tensor = self.enter(images)
        for unit in self.units:
            maps = torch.cat([maps, unit(maps)], 1)
        return maps


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


@dataclass(frozen=True)
class MobileFaceRNetOptions:
    """Sizes and ablations.

    Attributes:
        outputs: numbers predicted; 495 = 199 + 199 + 64 + 3 + 3 + 27 (equation 10).
        size: side of the square input in pixels, a multiple of 32.
        attention: residual attention after every layer (tables 4 and 5).
        multi_scale: the feature extraction module before MobileNetV2 (table 6).
        bases: identity modes, albedo modes and vertices of a face model whose bases are learned
            (equations 3 and 4); () for bases as they are.
    """

    outputs: int = 495
    size: int = 64
    attention: bool = True
    multi_scale: bool = True
    bases: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_size(self.size, 32)
        if len(self.bases) not in (0, 3) or min(self.bases, default=0) < 0:
            expected = "three numbers of at least 0, or none"
            raise InputError("bases", expected, str(tuple(self.bases)))


class MobileFaceRNet(Network):
    """Crops to 495 numbers: the network of table 1 behind the features of section 3.2.

    Args:
        options: see `MobileFaceRNetOptions`.
    """

    output_kind = "parameters"
    paper = "Mobile-FaceRNet (You et al. 2023)"

    def __init__(self, options: MobileFaceRNetOptions | None = None) -> None:
        super().__init__()
        self.options = o = options or MobileFaceRNetOptions()
        self.input_shape = (3, o.size, o.size)
        self.features = MultiScaleFeatures() if o.multi_scale else nn.Identity()
        inputs = self.features.outputs if isinstance(self.features, MultiScaleFeatures) else 3
        self.stem = nn.Sequential(conv_norm(inputs, _STEM, 3, 2), nn.ReLU6(inplace=True))
        channels, layers, attention = _STEM, [], []
        for expansion, outputs, units, stride in _LAYERS:
            layers.append(_layer(channels, outputs, units, stride, expansion))
            attention.append(ResidualAttention(outputs) if o.attention else nn.Identity())
            channels = outputs
        self.layers, self.attention = nn.ModuleList(layers), nn.ModuleList(attention)
        self.expand = nn.Sequential(conv_norm(channels, _FEATURES, 1), nn.ReLU6(inplace=True))
        self.output = OutputLayer(_FEATURES, o.outputs)
        self.bases = LearnedBases(*o.bases) if o.bases else None

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,size,size) RGB in [0,1] to (B,outputs); with attention, B > 1 in training."""
        alone = self.training and self.options.attention
        check_images(images, self.input_shape, least=2 if alone else 1)
        x = self.stem(self.features(2 * images - 1))
        for layer, attention in zip(self.layers, self.attention, strict=True):
            x = attention(layer(x))
        numbers: Tensor = self.output(self.expand(x).mean((2, 3)))
        return numbers


def _layer(inputs: int, outputs: int, units: int, stride: int, expansion: int) -> nn.Sequential:
    first = InvertedResidual(inputs, outputs, stride, expansion)
    rest = (InvertedResidual(outputs, outputs, 1, expansion) for _ in range(units - 1))
    return nn.Sequential(first, *rest)
