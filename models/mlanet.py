"""MLANet: ResNet-50 with hybrid attention in its bottlenecks and fusion between its stages.

Hybrid spatial and channel attention (HSCA, equations 4 and 5): the paper (section 3.2) puts it
after the 3x3 convolution "selectively" in bottlenecks of a figure that is missing: all of them by
default, `hsca` chooses. Progressive attentional fusion (PAF, equations 6 to 8, after Dai et al.
2021): "at the end of each stage" of four scales, and it fuses neighbouring scales: three fusions,
each handed on to the next stage. The 257 numbers are Deep3D's 80 identity + 64 expression + 80
albedo + 3 angles + 27 light + 3 translation (section 3.1.3's 9 numbers of light would not add up).

Names of tensors are torchvision's, so that its ImageNet weights load; without both attentions this
is its ResNet-50, "our model w/o HSCA, PAF" of table 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import InputError
from .blocks.channel_attention import CoordinateAttention, SqueezeExcitation
from .blocks.output import OutputLayer
from .blocks.residual import QUIET, conv_norm
from .inputs import ImagenetNormalise, check_images, check_size
from .network import Network
from .public.imagenet import load_imagenet

Combine = Literal["sum", "concat"]
COMBINE: tuple[Combine, ...] = get_args(Combine)
_STEM, _EXPANSION = 64, 4
_WIDTHS = (64, 128, 256, 512)
_BLOCKS = (3, 4, 6, 3)
ALL_BLOCKS = tuple(range(sum(_BLOCKS)))


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
        self, channels: int, reduction: int = 4, combine: Combine = "sum", factor: float = 1.0
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
        inputs: C, channels of the finer map.
        outputs: 2C, channels of the coarser map and of the result.
        combine, factor: see `AttentionFusion`.
    """

    def __init__(
        self, inputs: int, outputs: int, combine: Combine = "sum", factor: float = 1.0
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


@dataclass(frozen=True)
class MlaNetOptions:
    """Sizes and ablations.

    Attributes:
        outputs: numbers predicted.
        size: side of the square input in pixels, a multiple of 32.
        hsca: the bottlenecks with hybrid attention, 0 to 15 from the input; () for none.
        paf: how fusion combines maps, "sum" or "concat"; "none" for no fusion.
        paf_factor: of the fused map, 1 as in equation 8 or 2 as in the original fusion.
        imagenet: path of ResNet-50's ImageNet weights, which the paper starts from; "" for none.
    """

    outputs: int = 257
    size: int = 224
    hsca: tuple[int, ...] = ALL_BLOCKS
    paf: Combine | Literal["none"] = "sum"
    paf_factor: float = 1.0
    imagenet: str = ""

    def __post_init__(self) -> None:
        check_size(self.size, 32)
        if self.paf not in (*COMBINE, "none"):
            raise InputError("paf", f"one of {', '.join(COMBINE)}, none", repr(self.paf))
        if not set(self.hsca) <= set(ALL_BLOCKS):
            raise InputError("hsca", f"numbers from 0 to {ALL_BLOCKS[-1]}", str(self.hsca))


class MlaNet(Network):
    """Crops to the 257 numbers of Deep3D's layout.

    Args:
        options: see `MlaNetOptions`.
    """

    output_kind = "parameters"
    paper = "MLANet (Cao)"

    def __init__(self, options: MlaNetOptions | None = None) -> None:
        super().__init__()
        o = options or MlaNetOptions()
        self.options = replace(o, imagenet="")  # what is needed to build it again from its weights
        self.input_shape = (3, o.size, o.size)
        self.normalise = ImagenetNormalise()
        self.conv1 = nn.Conv2d(3, _STEM, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs, number = _STEM, 0
        for stage, (width, count) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True)):
            chosen = [number + k in o.hsca for k in range(count)]
            self.add_module(f"layer{stage + 1}", _stage(inputs, width, stage > 0, chosen))
            inputs, number = width * _EXPANSION, number + count
        self.fusions = _fusions(o)
        self.fc = OutputLayer(inputs, o.outputs)
        _initialise(self)
        if o.imagenet:
            load_imagenet(self, "resnet50", o.imagenet, own=("hsca.", "fusions."))

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,size,size) RGB in [0,1] to (B,outputs); with fusion, B > 1 in training."""
        alone = self.training and len(self.fusions) > 0
        check_images(images, self.input_shape, least=2 if alone else 1)
        x = functional.relu(self.bn1(self.conv1(self.normalise(images))), inplace=True)
        x = self.get_submodule("layer1")(self.maxpool(x))
        for stage in range(1, len(_WIDTHS)):
            finer, x = x, self.get_submodule(f"layer{stage + 1}")(x)
            if len(self.fusions):
                x = self.fusions[stage - 1](finer, x)
        numbers: Tensor = self.fc(x.mean((2, 3)))
        return numbers


class _Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times the channels (He et al. 2016, figure 5)."""

    def __init__(self, inputs: int, width: int, stride: int, attention: bool) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.hsca = HybridAttention(width) if attention else nn.Identity()
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.hsca(functional.relu(self.bn2(self.conv2(y)), inplace=True))
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return functional.relu(y, inplace=True)


def _stage(inputs: int, width: int, strides: bool, attention: list[bool]) -> nn.Sequential:
    outputs = width * _EXPANSION
    return nn.Sequential(
        *(
            _Bottleneck(outputs if k else inputs, width, 2 if strides and not k else 1, chosen)
            for k, chosen in enumerate(attention)
        )
    )


def _fusions(options: MlaNetOptions) -> nn.ModuleList:
    combine = options.paf
    if combine == "none":
        return nn.ModuleList()
    sizes = [width * _EXPANSION for width in _WIDTHS]
    return nn.ModuleList(
        ProgressiveFusion(fine, coarse, combine, options.paf_factor)
        for fine, coarse in pairwise(sizes)
    )


def _initialise(network: nn.Module) -> None:
    """He et al.'s for convolutions without bias, and quiet bottlenecks.

    The gates let an eighth of a map through, which the next norm makes up for: an image whose gates
    are open comes out eight times as strong, in each of the bottlenecks. Where these start at full
    strength (not from ImageNet), coefficients of hundreds came out for one image in a hundred.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, _Bottleneck):
            nn.init.constant_(module.bn3.weight, QUIET)
