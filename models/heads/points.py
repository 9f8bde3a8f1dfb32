"""The head of dense points: positions, confidence and visibility of each, direct coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

SCALES_WITHIN = 2.3477
"""So many scales s hold 68 % of a density exp(-r / s) of the plane: 1 - (1 + k) exp(-k) = 0.68."""

_LOG_SIGMA_AT_START = -2.5
_WEIGHT_SPREAD = 1e-3
LOG_SIGMA_RANGE = (-8.0, 2.0)
"""What logarithms of scales are kept within."""


class PointPrediction(NamedTuple):
    """What a network of dense points says of B faces.

    >>> prediction = PointPrediction(torch.zeros(1, 5, 3), torch.zeros(1, 5), torch.zeros(1, 8))
    >>> prediction.visibility is None
    True

    Attributes:
        points: (B,N,3) in half sides of the crop from its middle: x right, y down, and z towards
            the camera, relative to the model's origin.
        log_sigma: (B,N) natural logarithm of the scale of the distance in x and y, same unit:
            expected errors are `stated_errors`.
        coefficients: (B,K) identity, expression, albedo and light, each over its unit.
        visibility: (B,N) logits of the points being seen, within the crop with nothing in front;
            None of networks that do not tell.
        segmentation: (B,C,S/4,S/4) logits of the classes of `geometry.segments`, row 0 at the top;
            None of networks that do not tell.
    """

    points: Tensor
    log_sigma: Tensor
    coefficients: Tensor
    visibility: Tensor | None = None
    segmentation: Tensor | None = None


def stated_errors(log_sigma: Tensor, scale: Tensor | None) -> Tensor:
    """Errors (...,N) in x and y that 68 % of the true ones are no larger than.

    Args:
        log_sigma: (...,N) of a `PointPrediction`.
        scale: (N,) the fact "sigma_scale" of a weights file; None for older files, whose predicted
            scales are taken as they are.

    Example:
        >>> stated_errors(torch.zeros(2), torch.tensor([0.1, 0.2]))
        tensor([0.1000, 0.2000])
    """
    predicted = log_sigma.exp()
    return predicted if scale is None else predicted * scale.to(predicted)


def solver_errors(log_sigma: Tensor, scale: Tensor | None) -> Tensor:
    """Errors of points as `geometry.PointSolver` takes them: scales s of a density exp(-r / s).

    Args:
        log_sigma: (...,N) of a `PointPrediction`.
        scale: see `stated_errors`.

    Returns:
        (...,N), in half sides of the crop.

    Example:
        >>> solver_errors(torch.zeros(1), torch.tensor([SCALES_WITHIN]))
        tensor([1.])
    """
    stated = stated_errors(log_sigma, scale)
    return stated if scale is None else stated / SCALES_WITHIN


@dataclass(frozen=True)
class PointAnswers:
    """What a `PointHead` predicts.

    Attributes:
        points: how many.
        coefficients: how many.
        visibility: also tell which points are seen.
    """

    points: int
    coefficients: int
    visibility: bool = False


class PointHead(nn.Module):
    """Linear layers over the pooled features and a reduced map of them.

    The map keeps where things are, which pooling forgets; reduced to `reduced` channels it costs
    little.

    Args:
        features: channels of the map.
        side: its height and width.
        answers: what is predicted.
        reduced: channels kept of the map.
        hidden: units between the features and the answers: fewer weights than one layer to many
            points has, and coefficients are no linear function of what moves points; 0 has none.
    """

    def __init__(
        self, features: int, side: int, answers: PointAnswers, reduced: int = 64, hidden: int = 0
    ) -> None:
        super().__init__()
        points, visibility = answers.points, answers.visibility
        self.points, self.visibility = points, visibility
        self.reduce = nn.Conv2d(features, reduced, 1)
        inputs = reduced * side * side + features
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self._sizes = [3 * points, points, points if visibility else 0, answers.coefficients]
        self.linear = nn.Linear(hidden or inputs, sum(self._sizes))
        nn.init.normal_(self.linear.weight, std=_WEIGHT_SPREAD)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.linear.bias[3 * points : 4 * points] = _LOG_SIGMA_AT_START

    def forward(self, features: Tensor) -> PointPrediction:
        """(B,features,side,side) to predictions, without segmentation."""
        pooled = features.float().mean((2, 3))
        flat = torch.cat([pooled, self.reduce(features).float().flatten(1)], 1)
        with torch.autocast(flat.device.type, enabled=False):  # half precision is 0.2 pixels here
            if self.hidden is not None:
                flat = functional.relu(self.hidden(flat))
            numbers = self.linear(flat)
        points, log_sigma, visibility, coefficients = numbers.split(self._sizes, 1)
        low, high = LOG_SIGMA_RANGE
        return PointPrediction(
            points.unflatten(1, (self.points, 3)),
            log_sigma.clamp(low, high),
            coefficients,
            visibility if self.visibility else None,
        )
