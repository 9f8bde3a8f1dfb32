"""Maps of several stages joined into one of the finest size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class FeaturePyramid(nn.ModuleList):
    """Coarse features are enlarged and added to finer ones.

    After Lin et al., Feature Pyramid Networks, CVPR 2017: one convolution of 1x1 for each map, and
    none behind the sums.

    Args:
        channels: of the maps, the finest first.
        width: channels that all maps are brought to.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__(nn.Conv2d(count, width, 1) for count in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (B,channels,H,W), the finest first, to their sum (B,width,H,W) of its size."""
        coarsest, *finer = zip(reversed(self), reversed(maps), strict=True)
        joined: Tensor = coarsest[0](coarsest[1])
        for layer, features in finer:
            enlarged = functional.interpolate(joined, features.shape[2:], mode="nearest")
            joined = enlarged + layer(features)
        return joined
