"""The head that says what every part of a crop shows, from features of several resolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..blocks import conv_norm


class SegmentationHead(nn.Module):
    """Coarse features are enlarged and joined with finer ones, as a feature pyramid does it.

    After Lin et al., Feature Pyramid Networks, CVPR 2017, with one convolution at the finest level
    alone, so that it costs a tenth of the network before it.

    Args:
        channels: of the maps, the finest first.
        classes: of every place.
        width: channels that all maps are brought to.
    """

    def __init__(self, channels: Sequence[int], classes: int, width: int = 32) -> None:
        super().__init__()
        self.sideways = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.smooth = nn.Sequential(conv_norm(width, width), nn.ReLU(inplace=True))
        self.answer = nn.Conv2d(width, classes, 1)
        nn.init.zeros_(self.answer.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (B,channels,H,W), the finest first, to logits (B,classes,H,W) of its size."""
        joined = self.sideways[-1](maps[-1])
        for layer, finer in zip(self.sideways[-2::-1], maps[-2::-1], strict=True):
            enlarged = functional.interpolate(joined, finer.shape[2:], mode="nearest")
            joined = enlarged + layer(finer)
        found: Tensor = self.answer(self.smooth(functional.relu(joined)))
        return found.contiguous(memory_format=torch.contiguous_format)
