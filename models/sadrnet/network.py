"""SADRNet: one encoder and decoder, two UV maps (the posed face, and its shape) and attention.

Layers as in section III-E and the authors' code (`CircularResidualBlock` on its padding: a map goes
on at its other side); 8.27 MB of the attention branch where the paper says 7 MB. Convolutions start
as He et al.'s, where that code draws them with a standard deviation of 0.001.

The ablation of table IV, by its columns AT, SA, DF, as `attention`, `self_alignment` and
`deformation`:

| row | AT SA DF | maps | figure 9 |
|---|---|---|---|
| 1 | - - - | position | a |
| 2 | - - x | deformation, and the pose as numbers from the features | b |
| 3 | - x x | position, deformation: SADRNet-D | c |
| 4 | x - - | position | d |
| 5 | x x - | position, shape itself | e |
| 6 | x x x | position, deformation | 2 |

Self-alignment itself needs the face model's mean shape and lies outside the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...geometry.rotation import sixd_to_matrix
from ..blocks.output import OutputLayer
from ..inputs import check_images, check_size
from ..network import Network

_KERNEL = 4
_PADDING = (2, 1, 2, 1)  # left, right, top, bottom
MOMENTUM = 0.5
POSE_NUMBERS = 10
_EPSILON = 1e-3
_ATTENTION_WIDTH = 16  # times `width`
_LEAST_SIZE = 64
_DECODER = ((32, 1), (16, 2), (16, 1), (16, 1), (8, 2), (8, 1), (8, 1), (4, 2), (4, 1), (4, 1))
_HEAD = ((2, 2), (2, 1), (1, 2), (1, 1))  # outputs over `width`, stride
_ENCODER_LOW, _ENCODER_HIGH = (2, 4, 8), (16, 32)


class CircularResidualBlock(nn.Module):
    """1x1 to half the channels, 4x4, 1x1, each with norm; plus the input; ReLU.

    The paper names "residual blocks [66]" only; kernel, circular padding and the norms' momentum
    of 0.5 are those of SADRNet's code. Its `padding=3` with mode "circular" was written for torch
    before 1.5, which padded 2 before and 1 after; newer versions pad 3 on both sides, which
    changes the shapes. Here the padding is written out.

    Args:
        inputs, outputs: channels.
        stride: 1 or 2; of the 4x4 convolution and of the shortcut's 1x1.
        momentum: of the norms' running statistics.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, momentum: float = 0.5) -> None:
        super().__init__()
        half = outputs // 2
        self.enter = _layer(inputs, half, 1, 1, momentum)
        self.wide = _layer(half, half, _KERNEL, stride, momentum)
        self.leave = _layer(half, outputs, 1, 1, momentum)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _layer(inputs, outputs, 1, stride, momentum)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W), at least 2x2, to (B,outputs,H/stride,W/stride), rounded up."""
        y = functional.relu(self.enter(x), inplace=True)
        y = functional.relu(self.wide(functional.pad(y, _PADDING, "circular")), inplace=True)
        return functional.relu(self.leave(y) + self.shortcut(x), inplace=True)


def _layer(inputs: int, outputs: int, kernel: int, stride: int, momentum: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, bias=False),
        nn.BatchNorm2d(outputs, momentum=momentum),
    )


class UvPrediction(NamedTuple):
    """What the network says of B faces; None where its options leave it out.

    Attributes:
        position: (B,3,S,S) P, the posed face as a UV map.
        deformation: (B,3,S,S) D, the shape's difference from the mean as a UV map; S itself
            where `deformation` is off.
        attention: (B,1,S/8,S/8) A in (0,1), how visible the face is there in the image.
        pose: (B,10) without self-alignment, see `decode_pose`.
    """

    position: Tensor | None
    deformation: Tensor | None
    attention: Tensor | None
    pose: Tensor | None


@dataclass(frozen=True)
class SadrNetOptions:
    """Sizes and ablations.

    Attributes:
        size: side of the square input and of the maps in pixels, a multiple of 32.
        width: channels of the first convolution; everything else is a multiple of them.
        attention, self_alignment, deformation: see the module.
    """

    size: int = 256
    width: int = 16
    attention: bool = True
    self_alignment: bool = True
    deformation: bool = True

    def __post_init__(self) -> None:
        check_size(self.size, 32, _LEAST_SIZE)


class SadrNet(Network):
    """Crops to UV maps of the face: `UvPrediction`.

    It has 15.68 M parameters with the mean map, and makes 7.1 G multiplications for 256 pixels.

    Args:
        options: see `SadrNetOptions`.
    """

    output_kind = "uv"
    paper = "SADRNet (Ruan et al. 2021)"

    def __init__(self, options: SadrNetOptions | None = None) -> None:
        super().__init__()
        self.options = o = options or SadrNetOptions()
        self.input_shape = (3, o.size, o.size)
        w = o.width
        self.stem = nn.Sequential(
            nn.Conv2d(3, w, 4, 1, 1, bias=False), _norm(w), nn.ReLU(inplace=True)
        )
        self.low = _encoder(w, [w * k for k in _ENCODER_LOW])
        low, features = w * _ENCODER_LOW[-1], w * _ENCODER_HIGH[-1]
        self.attention = _attention(low, w * _ATTENTION_WIDTH) if o.attention else None
        self.high = _encoder(low, [w * k for k in _ENCODER_HIGH])
        posed, shaped = self._heads(o)
        self.decoder = _decoder(features, w)
        self.position = _head(w * _DECODER[-1][0], w) if posed else None
        self.deformation = _head(w * _DECODER[-1][0], w) if shaped else None
        self.pose = None if posed else OutputLayer(features, POSE_NUMBERS)
        self.apply(_he_initialisation)

    @staticmethod
    def _heads(options: SadrNetOptions) -> tuple[bool, bool]:
        """Whether there is a position map, and whether there is a map of the shape."""
        shaped = options.self_alignment or options.deformation
        return options.self_alignment or not shaped, shaped

    def forward(self, images: Tensor) -> UvPrediction:
        """(B,3,size,size) RGB in [0,1]."""
        check_images(images, self.input_shape)
        features = self.low(self.stem(standardise(images)))
        attention = None
        if self.attention is not None:
            attention = torch.sigmoid(self.attention(features).float())
            features = features * attention.exp().to(features.dtype)  # equation 9
        features = self.high(features)
        pose = None if self.pose is None else self.pose(features.mean((2, 3)))
        decoded = self.decoder(features)
        position = None if self.position is None else self.position(decoded)
        deformation = None if self.deformation is None else self.deformation(decoded)
        return UvPrediction(position, deformation, attention, pose)


def standardise(images: Tensor) -> Tensor:
    """Each channel of each image to mean 0 and variance 1: (x - mean) / sqrt(variance + 0.001).

    In the authors' code; the paper does not mention it.
    """
    mean = images.mean((2, 3), keepdim=True)
    variance = images.var((2, 3), correction=0, keepdim=True)
    return (images - mean) / (variance + _EPSILON).sqrt()


def decode_pose(pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The similarity of row 2's numbers: x = scale R shape + translation.

    The paper says "direct pose regression" and no more. Here: the logarithm of the scale, the 6D
    rotation as a difference from none, the translation.

    Args:
        pose: (B,10).

    Returns:
        (B,) scale, (B,3,3) rotation, (B,3) translation in the position map's unit.
    """
    none = pose.new_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    return pose[:, 0].exp(), sixd_to_matrix(pose[:, 1:7] + none), pose[:, 7:]


class _Float32(nn.Sequential):
    """Layers in float32 whatever surrounds them: bfloat16's 8 bits are a pixel in 256."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = super().forward(x.float())
        return y


class _Deconvolution(nn.Module):
    """4x4 transposed convolution, its first row and column cut off, and norm."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(
            inputs, outputs, 4, stride, 1, output_padding=stride - 1, bias=False
        )
        self.norm = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) to (B,outputs,H*stride,W*stride)."""
        y: Tensor = self.norm(self.convolution(x)[:, :, 1:, 1:])
        return y


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON, momentum=MOMENTUM)


def _encoder(inputs: int, widths: list[int]) -> nn.Sequential:
    """Two blocks of each width, the first with stride 2."""
    blocks: list[nn.Module] = []
    for width in widths:
        blocks += [
            CircularResidualBlock(inputs, width, 2, MOMENTUM),
            CircularResidualBlock(width, width, 1, MOMENTUM),
        ]
        inputs = width
    return nn.Sequential(*blocks)


def _attention(inputs: int, width: int) -> nn.Sequential:
    """Four 3x3 convolutions with norm and ReLU, and one to the logit of A."""
    layers: list[nn.Module] = []
    for channels in (inputs, width, width, width):
        layers += [nn.Conv2d(channels, width, 3, 1, 1, bias=False), _norm(width), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 3, 1, 1, bias=False))


def _decoder(inputs: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for factor, stride in _DECODER:
        layers += [_Deconvolution(inputs, factor * width, stride), nn.ReLU(inplace=True)]
        inputs = factor * width
    return nn.Sequential(*layers)


def _head(inputs: int, width: int) -> nn.Sequential:
    """Seven layers to a map of three coordinates; norm, but no ReLU, after the last."""
    layers: list[nn.Module] = []
    for factor, stride in _HEAD:
        layers += [_Deconvolution(inputs, factor * width, stride), nn.ReLU(inplace=True)]
        inputs = factor * width
    coordinates = [_Deconvolution(inputs, 3, 1), nn.ReLU(True), _Deconvolution(3, 3, 1)]
    last = _Float32(*coordinates, nn.ReLU(inplace=True), _Deconvolution(3, 3, 1))
    return nn.Sequential(*layers, last)


def _he_initialisation(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight)
