"""One iteration of 3DDFA's cascade: an image with PNCC, and an image seen by a pose's anchors.

Zhu et al. 2017 render the normalised coordinates of the current face (PNCC) beside the image for
one stream, and sample the image at places fixed on the current face (PAF) for the other; both are
joined by fully connected layers that predict the parameters' update. CSANet trains this network
again as its baseline and gives, as for its own, no layer: depth and widths here are ours, five
stages of one convolution each. The iterations share the network ("unified network structure");
what they look at is rendered from the current parameters, outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..blocks import conv_norm
from ..blocks.output import OutputLayer
from ..inputs import check_images, check_size
from ..network import Network

PATCH = 3
IMAGE, PNCC, PAF = slice(0, 3), slice(3, 6), slice(6, 9)
"""The channels of the input."""


@dataclass(frozen=True)
class TwoStreamOptions:
    """Sizes of the network.

    Attributes:
        outputs: numbers of the update.
        size: side of the square input in pixels, a multiple of 3: the PAF image is made of 3x3
            patches, one for every anchor, so there are (size/3)^2 anchors.
        widths: channels of the stages of each stream.
        features: numbers that each stream ends in.
    """

    outputs: int = 62
    size: int = 120
    widths: tuple[int, ...] = (32, 64, 128, 256, 256)
    features: int = 256

    def __post_init__(self) -> None:
        check_size(self.size, PATCH, 2 ** len(self.widths))


class TwoStreamNetwork(Network):
    """Nine channels to an update of the parameters, to be added to the current ones.

    Args:
        options: see `TwoStreamOptions`.
    """

    output_kind = "parameters"
    paper = "3DDFA (Zhu et al. 2017), as in CSANet"

    def __init__(self, options: TwoStreamOptions | None = None) -> None:
        super().__init__()
        self.options = o = options or TwoStreamOptions()
        self.input_shape = (9, o.size, o.size)
        patches = o.size // PATCH
        self.image_stream = _stream(conv_norm(6, o.widths[0], 3, 2), -(-o.size // 2), o)
        anchors = nn.Conv2d(3, o.widths[0], PATCH, PATCH, bias=False)
        self.anchor_stream = _stream(
            nn.Sequential(anchors, nn.BatchNorm2d(o.widths[0])), patches, o
        )
        self.join = nn.Sequential(nn.Linear(2 * o.features, o.features), nn.ReLU(inplace=True))
        self.output = OutputLayer(o.features, o.outputs)

    def forward(self, images: Tensor) -> Tensor:
        """The parameters' update.

        Args:
            images: (B,9,size,size): RGB in [0,1]; PNCC, the normalised coordinates in [0,1] of the
                nearest surface at each pixel, 0 beside the face; PAF, RGB in [0,1] of the patches
                around the anchors' images, patch (r,c) at rows 3r..3r+2, columns 3c..3c+2.

        Returns:
            (B,outputs).
        """
        check_images(images, self.input_shape)
        x = torch.cat([2 * images[:, IMAGE] - 1, images[:, PNCC]], 1)
        both = [self.image_stream(x), self.anchor_stream(2 * images[:, PAF] - 1)]
        numbers: Tensor = self.output(self.join(torch.cat(both, 1)))
        return numbers


def _stream(first: nn.Module, side: int, options: TwoStreamOptions) -> nn.Sequential:
    """`first`, which leaves side x side places, then stages that halve them, then one layer."""
    layers: list[nn.Module] = [first, nn.ReLU(inplace=True)]
    for inputs, outputs in zip(options.widths[:-1], options.widths[1:], strict=True):
        layers += [conv_norm(inputs, outputs, 3, 2), nn.ReLU(inplace=True)]
        side = -(-side // 2)
    places = nn.Linear(options.widths[-1] * side * side, options.features)
    return nn.Sequential(*layers, nn.Flatten(), places, nn.ReLU(inplace=True))
