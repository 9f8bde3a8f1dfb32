"""The default network: a small residual network that predicts dense points of the face model.

Why this one: dense 3x3 convolutions with channels in multiples of 32 use a CPU's matrix units in
bfloat16, which depthwise networks of fewer operations do not; points are read off local features,
where a head of coefficients has to invert the model; a linear solve turns them into coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..core.errors import InputError
from .blocks import ResidualBlock, conv_norm
from .heads.points import PointHead, PointPrediction
from .inputs import check_images


@dataclass(frozen=True)
class DensePointOptions:
    """Size of the network.

    Attributes:
        size: side of the square input in pixels, a multiple of 16.
        width: channels of the first stage; each later one has twice as many.
        blocks: residual blocks of each stage.
        points: points predicted.
        coefficients: coefficients predicted directly.
        reduced: channels of the map that the head sees unpooled.
    """

    size: int = 96
    width: int = 32
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    points: int = 280
    coefficients: int = 239
    reduced: int = 64

    def __post_init__(self) -> None:
        step = 2 ** (len(self.blocks) + 1)
        if self.size < step or self.size % step:
            raise InputError("size", f"a multiple of {step}", str(self.size))


class DensePointNetwork(nn.Module):
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
        self.stem = nn.Sequential(conv_norm(3, o.width, 5, 2), nn.ReLU(inplace=True))
        channels, stages = o.width, []
        for k, count in enumerate(o.blocks):
            wide = o.width * 2**k
            stages += [ResidualBlock(channels, wide, 2)]
            stages += [ResidualBlock(wide, wide) for _ in range(count - 1)]
            channels = wide
        self.stages = nn.Sequential(*stages)
        side = o.size // 2 ** (len(o.blocks) + 1)
        self.head = PointHead(channels, side, o.points, o.coefficients, o.reduced)

    def forward(self, images: Tensor) -> PointPrediction:
        """(B,3,size,size) RGB in [0,1]."""
        check_images(images, self.input_shape)
        prediction: PointPrediction = self.head(self.stages(self.stem(2 * images - 1)))
        return prediction
