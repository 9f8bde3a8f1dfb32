"""What a data set's landmarks are compared with on a face model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InputError
from ..datasets.aflw import aflw_from_68
from ..geometry.face_model import FaceModel
from ..geometry.posed import PosedFaces

JAW = 17  # points of the outline, the first of the 68
_AFLW_EARS = (12, 16)  # clicked on the ear; the 68 points have none


@dataclass(frozen=True)
class LandmarkTarget:
    """How one kind of annotated points is read off a model's 68 landmarks.

    Attributes:
        mixing: (L,68), rows sum to 1: each point as a mean of the 68.
        weights: (L,) of the points against one another; 0 leaves a point out.
    """

    mixing: Tensor
    weights: Tensor


def landmark_targets(outline: bool = False) -> dict[str, LandmarkTarget]:
    """Every kind of landmarks that batches carry.

    Args:
        outline: the predicted jaw follows the visible outline, so that it may be compared with
            "ibug68-2d" jaws; otherwise these have no weight.
    """
    identity = torch.eye(68)
    everything = torch.ones(68)
    inner = everything.clone()
    inner[:JAW] = 0
    aflw = torch.from_numpy(aflw_from_68()).float()
    no_ears = torch.ones(len(aflw))
    no_ears[list(_AFLW_EARS)] = 0
    return {
        "ibug68-3d": LandmarkTarget(identity, inner if outline else everything),
        "ibug68-2d": LandmarkTarget(identity, everything if outline else inner),
        "aflw21": LandmarkTarget(aflw, no_ears),
    }


def projected_landmarks(model: FaceModel, faces: PosedFaces, name: str) -> Tensor:
    """The 68 landmarks (B,68,2) of the set `name` in crop pixels."""
    vertices = model.vertices(faces.coefficients)
    return faces.camera.project(model.landmark_points(vertices, name))[..., :2]


def compare(
    predicted: Tensor, landmarks: Mapping[str, Tensor], targets: Mapping[str, LandmarkTarget]
) -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and annotated points of all kinds side by side.

    Args:
        predicted: (B,68,2). landmarks: kind to (B,L,2), NaN where unknown.
        targets: of `landmark_targets`.

    Returns:
        predicted (B,M,2), annotated (B,M,2) with unknown points at the predicted ones, and
        weights (B,M), 0 for unknown points.

    Raises:
        InputError: a kind that nobody knows.
    """
    found, wanted, weights = [], [], []
    for kind, given in landmarks.items():
        if kind not in targets:
            raise InputError("landmarks", f"one of {', '.join(targets)}", repr(kind))
        target = targets[kind]
        points = torch.einsum("lk,bkc->blc", target.mixing.to(predicted), predicted)
        known = torch.isfinite(given).all(-1)
        found.append(points)
        wanted.append(torch.where(known[..., None], given, points.detach()))
        weights.append(known * target.weights.to(predicted))
    if not found:
        empty = predicted[:, :0]
        return empty, empty, empty[..., 0]
    return torch.cat(found, 1), torch.cat(wanted, 1), torch.cat(weights, 1)
