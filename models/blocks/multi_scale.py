"""Mobile-FaceRNet's features of several scales: densely connected units with dilation (3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .residual import conv_norm

DILATIONS = (1, 3, 1)


class DilatedUnit(nn.Module):
    """A 1x1 convolution and three residual modules of one 3x3 convolution, the middle one dilated.

    One convolution in each module, because only so do equations 7 and 8 give the receptive field
    of 11 that the paper states: 1 + 2 + 6 + 2.

    Args:
        inputs: channels. width: channels of the result; 8 in the paper.
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
