"""A second look at every predicted point, where it lies: the head before it sees a blurred whole.

The head of `points` reads places off a map a thirtieth of the crop's size, so that lids and lips
are told as well as the shape that they go with is known. Here each point reads the features of
the quarter-size map at its own place, and moves by what it reads, as cascaded regressors do (Dollar
et al., Cascaded pose regression, CVPR 2010; Kowalski et al., Deep alignment network, CVPRW 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..blocks import FeaturePyramid, conv_norm
from .points import LOG_SIGMA_RANGE, PointPrediction

_STEP = 0.1  # half sides of the crop that a point moves by an answer of 1: three pixels in 112
_READ = 5  # x, y, z, logarithm of the scale, visibility
_SPREAD = 0.1  # of what points add to the features before they answer


class PointRefinement(nn.Module):
    """Corrects points, their scales and visibility by the features at the predicted places.

    A feature pyramid brings the maps to one width and the finest size; it is
    convolved twice, so that a place knows 40 pixels around it. Every point has a bias in front of
    the nonlinearity and a linear answer of its own behind it; the places are read without
    gradients. It corrects nothing at first: a trained network stays as it is when it is given one.

    Args:
        channels: of the maps, the finest first.
        points: how many there are.
        width: channels of what is read.
    """

    def __init__(self, channels: Sequence[int], points: int, width: int = 48) -> None:
        super().__init__()
        self.sideways = FeaturePyramid(channels, width)
        self.smooth = nn.Sequential(
            conv_norm(width, width), nn.ReLU(inplace=True), nn.Conv2d(width, width, 3, padding=1)
        )
        self.bias = nn.Parameter(torch.empty(points, width))
        self.answer = nn.Parameter(torch.zeros(points, width, _READ))
        nn.init.normal_(self.bias, std=_SPREAD)

    def forward(self, maps: Sequence[Tensor], first: PointPrediction) -> PointPrediction:
        """Maps (B,channels,H,W), the finest first, and the first answers to better ones."""
        joined = self.sideways(maps)
        features = self.smooth(functional.relu(joined)).float()
        with torch.autocast(features.device.type, enabled=False):  # as in the first head
            places = first.points[..., :2].detach().float().unsqueeze(2)
            read = functional.grid_sample(
                features, places, padding_mode="border", align_corners=False
            )
            units = functional.relu(read[..., 0].permute(2, 0, 1) + self.bias[:, None])
            numbers = (units @ self.answer).transpose(0, 1)  # (B,N,5)
        return _corrected(first, numbers)


def _corrected(first: PointPrediction, numbers: Tensor) -> PointPrediction:
    log_sigma = first.log_sigma + numbers[..., 3]
    return first._replace(
        points=first.points + _STEP * numbers[..., :3],
        log_sigma=log_sigma.clamp(*LOG_SIGMA_RANGE),
        visibility=None if first.visibility is None else first.visibility + numbers[..., 4],
    )
