"""The head of dense points: positions, their confidence, and direct coefficients."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

_LOG_SIGMA_AT_START = -2.5
_WEIGHT_SPREAD = 1e-3
_LOG_SIGMA_RANGE = (-8.0, 2.0)


class PointPrediction(NamedTuple):
    """What the network says of B faces.

    Attributes:
        points: (B,N,3) in half sides of the crop from its middle: x right, y down, and z towards
            the camera, relative to the model's origin.
        log_sigma: (B,N) natural logarithm of the expected distance in x and y, same unit.
        coefficients: (B,K) identity, expression, albedo and light, each over its unit.
    """

    points: Tensor
    log_sigma: Tensor
    coefficients: Tensor


class PointHead(nn.Module):
    """One linear layer over the pooled features and a reduced map of them.

    The map keeps where things are, which pooling forgets; reduced to `reduced` channels it costs
    little.

    Args:
        features: channels of the map. side: its height and width.
        points: N. coefficients: K.
        reduced: channels kept of the map.
    """

    def __init__(
        self, features: int, side: int, points: int, coefficients: int, reduced: int = 64
    ) -> None:
        super().__init__()
        self.points, self.coefficients = points, coefficients
        self.reduce = nn.Conv2d(features, reduced, 1)
        self.linear = nn.Linear(reduced * side * side + features, 4 * points + coefficients)
        nn.init.normal_(self.linear.weight, std=_WEIGHT_SPREAD)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.linear.bias[3 * points : 4 * points] = _LOG_SIGMA_AT_START

    def forward(self, features: Tensor) -> PointPrediction:
        """(B,features,side,side) to predictions."""
        pooled = features.float().mean((2, 3))
        flat = torch.cat([pooled, self.reduce(features).float().flatten(1)], 1)
        with torch.autocast(flat.device.type, enabled=False):  # half precision is 0.2 pixels here
            numbers = self.linear(flat)
        sizes = [3 * self.points, self.points, self.coefficients]
        points, log_sigma, coefficients = numbers.split(sizes, 1)
        low, high = _LOG_SIGMA_RANGE
        return PointPrediction(
            points.unflatten(1, (self.points, 3)), log_sigma.clamp(low, high), coefficients
        )
