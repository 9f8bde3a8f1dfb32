"""The default network: a small residual network that predicts dense points of the face model.

Why this one: dense 3x3 convolutions with channels in multiples of 32 use a CPU's matrix units in
bfloat16, which depthwise networks of fewer operations do not; points are read off local features,
where a head of coefficients has to invert the model; a linear solve turns them into coefficients.
A second head may say what every part of the crop shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import InputError
from .blocks import FeaturePyramid, ResidualBlock, conv_norm
from .heads.points import PointAnswers, PointHead, PointPrediction
from .heads.refinement import PointRefinement
from .inputs import check_images
from .network import Network


class SegmentationHead(nn.Module):
    """A feature pyramid with one convolution at the finest level alone.

    So it costs a tenth of the network before it.

    Args:
        channels: of the maps, the finest first.
        classes: of every place.
        width: channels that all maps are brought to.
    """

    def __init__(self, channels: Sequence[int], classes: int, width: int = 32) -> None:
        super().__init__()
        self.sideways = FeaturePyramid(channels, width)
        self.smooth = nn.Sequential(conv_norm(width, width), nn.ReLU(inplace=True))
        self.answer = nn.Conv2d(width, classes, 1)
        nn.init.zeros_(self.answer.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (B,channels,H,W), the finest first, to logits (B,classes,H,W) of its size."""
        joined = self.sideways(maps)
        logits: Tensor = self.answer(self.smooth(functional.relu(joined)))
        return logits.contiguous(memory_format=torch.contiguous_format)


@dataclass(frozen=True)
class DensePointOptions:
    """Size of the network; the defaults are those of the first weights, which name no others.

    Attributes:
        size: side of the square input in pixels, a multiple of 16 for four stages.
        width: channels of the first stage; each later one has twice as many.
        blocks: residual blocks of each stage.
        points: points predicted.
        coefficients: coefficients predicted directly.
        reduced: channels of the map that the head sees unpooled.
        hidden: units of a layer before the head's answers; 0 has none.
        visibility: whether it tells which points are seen.
        segments: classes of a segmentation of a quarter of the input's size; 0 makes none.
        decoder: channels of the segmentation's maps.
        stem: stride of the first convolution, 2, or 4 with a kernel of 8 and twice the channels,
            after which the first stage keeps the size.
        refinement: channels of a second look at every point, where the first head saw it; 0 has
            none.

    Example:
        >>> DensePointOptions(size=96).side
        3
    """

    size: int = 96
    width: int = 32
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    points: int = 280
    coefficients: int = 239
    reduced: int = 64
    hidden: int = 0
    visibility: bool = False
    segments: int = 0
    decoder: int = 32
    stem: int = 2
    refinement: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.blocks) <= 8:
            raise InputError("blocks", "1 to 8 stages", f"{len(self.blocks)}")
        if self.segments and self.decoder < 1:
            raise InputError("decoder", "1 or more channels for segments", str(self.decoder))
        step = 2 ** len(self.blocks)
        if self.size < 2 * step or self.size % step:
            raise InputError("size", f"a multiple of {step}, from {2 * step}", str(self.size))
        if self.stem not in (2, 4):
            raise InputError("stem", "2 or 4", str(self.stem))

    @property
    def side(self) -> int:
        """Height and width of the last stage's map, rounded up."""
        return -(-self.size // 2 ** (len(self.blocks) + 1))


class DensePointNetwork(Network):
    """RGB crops to `PointPrediction`; a 5x5 stem, then residual stages that halve the size each.

    Args:
        options: see `DensePointOptions`.
    """

    output_kind = "points"
    paper = "ours"

    def __init__(self, options: DensePointOptions | None = None) -> None:
        super().__init__()
        self.options = options or DensePointOptions()
        o = self.options
        self.input_shape = (3, o.size, o.size)
        first = o.width if o.stem == 2 else 2 * o.width
        opening = conv_norm(3, first, 5, 2) if o.stem == 2 else _patches(first)
        self.stem = nn.Sequential(opening, nn.ReLU(inplace=True))
        wide = [o.width * 2**k for k in range(len(o.blocks))]
        channels = first
        stages: list[nn.Module] = []
        self._ends: list[int] = []  # the last block of each stage
        for outputs, count in zip(wide, o.blocks, strict=True):
            stride = 1 if o.stem == 4 and not stages else 2
            stages += [ResidualBlock(channels, outputs, stride)]
            stages += [ResidualBlock(outputs, outputs) for _ in range(count - 1)]
            self._ends.append(len(stages) - 1)
            channels = outputs
        self.stages = nn.Sequential(*stages)
        answers = PointAnswers(o.points, o.coefficients, o.visibility)
        self.head = PointHead(channels, o.side, answers, o.reduced, o.hidden)
        self.segments = SegmentationHead(wide, o.segments, o.decoder) if o.segments else None
        self.refine = PointRefinement(wide, o.points, o.refinement) if o.refinement else None

    def forward(self, images: Tensor) -> PointPrediction:
        """(B,3,size,size) RGB in [0,1]."""
        check_images(images, self.input_shape)
        features, maps = self.stem(2 * images - 1), []
        for k, block in enumerate(self.stages):
            features = block(features)
            if k in self._ends:
                maps.append(features)
        prediction: PointPrediction = self.head(features)
        if self.refine is not None:
            prediction = self.refine(maps, prediction)
        if self.segments is None:
            return prediction
        return prediction._replace(segmentation=self.segments(maps))


def _patches(channels: int) -> nn.Sequential:
    """A convolution of 8x8 pixels every 4, which spares maps of half the input's size."""
    convolution = nn.Conv2d(3, channels, 8, 4, 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels))
