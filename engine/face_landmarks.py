"""Predicted and annotated landmarks of every kind side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..core.errors import UnknownNameError
from ..datasets.aflw import aflw_from_68
from ..geometry.landmarks import Contour
from ..losses.landmark_weights import landmark_weights

_AFLW_EARS = (12, 16)  # clicked on the ear; the 68 points have none


@dataclass(frozen=True)
class LandmarkTarget:
    """How one kind of annotated points is read off 68 landmarks.

    Attributes:
        contour: kind of the 68: "3d", the jaw on the jaw, or "2d", on the visible outline.
        mixing: (L,68), rows sum to 1: each point as a mean of the 68.
        weights: (L,) of the points against one another; 0 leaves a point out.
    """

    contour: Contour
    mixing: Tensor
    weights: Tensor

    def to(self, device: torch.device | str) -> LandmarkTarget:
        """The same on another device."""
        return replace(self, mixing=self.mixing.to(device), weights=self.weights.to(device))


def landmark_targets(weights: str = "uniform") -> dict[str, LandmarkTarget]:
    """Every kind of landmarks that batches carry.

    Args:
        weights: of the 68 points, a name of `losses.landmark_weights`.
    """
    of_68, identity = landmark_weights(weights), torch.eye(68)
    aflw = torch.from_numpy(aflw_from_68()).float()
    no_ears = torch.ones(len(aflw))
    no_ears[list(_AFLW_EARS)] = 0
    return {
        "ibug68-3d": LandmarkTarget("3d", identity, of_68),
        "ibug68-2d": LandmarkTarget("2d", identity, of_68),
        "aflw21": LandmarkTarget("3d", aflw, no_ears),
    }


@dataclass(frozen=True)
class LandmarkPairs:
    """M points of B faces.

    Attributes:
        predicted: (B,M,2) crop pixels. annotated: (B,M,2); unknown points are the predicted ones.
        weights: (B,M), 0 for points that are unknown or that the face model lacks.
        given: (B,M) bool, annotated points that count, whether the model has them or not.
    """

    predicted: Tensor
    annotated: Tensor
    weights: Tensor
    given: Tensor


def pair_landmarks(
    predicted: Mapping[Contour, Tensor],
    landmarks: Mapping[str, Tensor],
    targets: Mapping[str, LandmarkTarget],
) -> LandmarkPairs:
    """Every annotated point with its prediction.

    Args:
        predicted: (B,68,2) of every contour kind that is needed, NaN where the face model lacks a
            point. landmarks: kind to (B,L,2), NaN where unknown. targets: of `landmark_targets`.

    Raises:
        UnknownNameError: a kind that nobody knows.
    """
    unknown = sorted(set(landmarks) - set(targets))
    if unknown:
        raise UnknownNameError("kind of landmarks", unknown[0], list(targets))
    some = next(iter(predicted.values()))
    none = some[:, :0, 0]
    parts = [LandmarkPairs(some[:, :0], some[:, :0], none, none > 0)]
    for kind, given in landmarks.items():
        target, own = targets[kind], predicted[targets[kind].contour]
        mixing, weights = target.mixing.to(some), target.weights.to(some)
        there = torch.isfinite(own).all(-1, keepdim=True)
        points = torch.einsum("lk,bkc->blc", mixing, torch.where(there, own, 0.0))
        lacking = torch.einsum("lk,bkc->blc", mixing, (~there).to(some))[..., 0] > 0
        known = torch.isfinite(given).all(-1)
        wanted = torch.where(known[..., None], given, points.detach())
        parts.append(
            LandmarkPairs(points, wanted, known * ~lacking * weights, known & (weights > 0))
        )
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return LandmarkPairs(*(torch.cat(list(column), 1) for column in columns))
