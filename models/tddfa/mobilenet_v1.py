"""MobileNetV1 as 3DDFA and 3DDFA_V2 use it: 120-pixel crops to 62 numbers.

Howard et al., MobileNets, 2017, with 3DDFA's names for its two sizes: mb1 (`width` 1) and mb05
(`width` 0.5: half the channels everywhere). The last stage has two units, the mean is taken over
all places. mb05 has 0.850 M parameters and 46.5 M multiplications, mb1 3.270 M and 177.4 M;
3DDFA_V2 states 0.85 M, 49.5 M, 3.27 M, 183.5 M, where four operations are counted for every norm
and activation. The second output layer of its files, landmarks for training, is not built here.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core.errors import InputError
from ..blocks import conv_norm
from ..blocks.output import OutputLayer
from ..blocks.separable import depthwise_separable
from ..inputs import check_images, check_size
from ..network import Network

_STEM = 32
_UNITS = (  # channels of the full width, stride
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
_LEAST_SIZE = 64


@dataclass(frozen=True)
class MobileNetV1Options:
    """Sizes of the network.

    Attributes:
        outputs: numbers predicted; 62 = 12 (pose) + 40 (identity) + 10 (expression).
        size: side of the square input in pixels.
        width: factor of all channels; 1, 0.75, 0.5 and 0.25 are 3DDFA's.
    """

    outputs: int = 62
    size: int = 120
    width: float = 1.0

    def __post_init__(self) -> None:
        check_size(self.size, 1, _LEAST_SIZE)
        if int(_STEM * self.width) < 1:
            raise InputError("width", f"at least {1 / _STEM}", str(self.width))


class MobileNetV1(Network):
    """Crops to parameters; colours are brought to about -1 to 1 as 3DDFA does.

    3DDFA's weights were trained on BGR; `models.public` exchanges the channels of the first
    convolution, so that this network sees RGB like all others.

    Args:
        options: see `MobileNetV1Options`.
    """

    output_kind = "parameters"
    paper = "3DDFA_V2 (Guo et al. 2020)"

    def __init__(self, options: MobileNetV1Options | None = None) -> None:
        super().__init__()
        self.options = o = options or MobileNetV1Options()
        self.input_shape = (3, o.size, o.size)
        channels = int(_STEM * o.width)
        self.stem = nn.Sequential(conv_norm(3, channels, 3, 2), nn.ReLU(inplace=True))
        units = []
        for full, stride in _UNITS:
            units.append(depthwise_separable(channels, int(full * o.width), stride))
            channels = int(full * o.width)
        self.units = nn.Sequential(*units)
        self.output = OutputLayer(channels, o.outputs)
        self.apply(_he_initialisation)

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,size,size) RGB in [0,1] to (B,outputs)."""
        check_images(images, self.input_shape)
        features = self.units(self.stem((255 * images - 127.5) / 128))
        numbers: Tensor = self.output(features.mean((2, 3)))
        return numbers


def _he_initialisation(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
