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
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..core.errors import InputError
from .blocks import conv_norm
from .blocks.multi_scale import MultiScaleFeatures
from .blocks.output import OutputLayer
from .blocks.residual_attention import ResidualAttention
from .blocks.separable import InvertedResidual
from .heads.learned_bases import LearnedBases
from .inputs import check_images, check_size

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


class MobileFaceRNet(nn.Module):
    """Table 1 after the module of section 3.2.

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
