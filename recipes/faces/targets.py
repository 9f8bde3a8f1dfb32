"""What renderings are compared with beside their colours: annotated landmarks, and identity.

Landmarks of every kind are paired with the predicted ones that stand for them. Identity is how
alike a face recogniser finds a rendering and its photograph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import MissingFileError, UnknownNameError
from ...datasets.photographs.aflw import aflw_from_68
from ...evaluate.metrics.identity import EMBEDDERS, Embedder
from ...geometry.landmarks import Contour
from ...losses.landmark import landmark_weights

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
        weights: of the 68 points, a name that `losses.landmark_weights` knows.
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
        predicted: (B,M,2) crop pixels.
        annotated: (B,M,2); unknown points are the predicted ones.
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
            point.
        landmarks: kind to (B,L,2), NaN where unknown.
        targets: of `landmark_targets`.

    Raises:
        UnknownNameError: a kind that nobody knows.
    """
    unknown = sorted(set(landmarks) - set(targets))
    if unknown:
        raise UnknownNameError("kind of landmarks", unknown[0], list(targets))
    some = next(iter(predicted.values()))
    none = some[:, :0, 0]
    parts = [LandmarkPairs(some[:, :0], some[:, :0], none, none > 0)]
    for kind, annotated in landmarks.items():
        target, of_68 = targets[kind], predicted[targets[kind].contour]
        mixing, weights = target.mixing.to(some), target.weights.to(some)
        there = torch.isfinite(of_68).all(-1, keepdim=True)
        points = torch.einsum("lk,bkc->blc", mixing, torch.where(there, of_68, 0.0))
        lacking = torch.einsum("lk,bkc->blc", mixing, (~there).to(some))[..., 0] > 0
        known = torch.isfinite(annotated).all(-1)
        wanted = torch.where(known[..., None], annotated, points.detach())
        parts.append(
            LandmarkPairs(points, wanted, known * ~lacking * weights, known & (weights > 0))
        )
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return LandmarkPairs(*(torch.cat(list(column), 1) for column in columns))


class IdentityTerm:
    """1 - cosine of the vectors of aligned faces, differentiable through the rendering.

    MLANet eq. 11; alignment by the predicted landmarks, which is not learnt.

    Args:
        embedder: whose network sees the faces.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._device = torch.device("cpu")

    @classmethod
    def load(cls, name: str, weights_dir: str) -> IdentityTerm:
        """The recogniser of `EMBEDDERS` with the user's weights.

        Raises:
            MissingFileError: its file is not there; the message names source, licence and options.
        """
        try:
            return cls(EMBEDDERS.create(name, Path(weights_dir) if weights_dir else None))
        except MissingFileError as error:
            remedy = (
                f"{error.remedy} Name its folder by loss.identity_weights_dir=DIR, or switch the "
                "term off by loss.identity=0."
            )
            raise MissingFileError(error.path, error.what, remedy) from error

    def to(self, device: torch.device | str) -> IdentityTerm:
        """Itself; the recogniser is moved to another device if it is a module, else it stays."""
        if isinstance(self._embedder.network, nn.Module):
            self._embedder.network.to(device)
            self._device = torch.device(device)
        return self

    def __call__(self, rendered: Tensor, photo: Tensor, landmarks: Tensor) -> Tensor:
        """(B,) in [0,2], on the images' device.

        Args:
            rendered: (B,3,H,W) the rendering over the photograph, in [0,1].
            photo: (B,3,H,W).
            landmarks: (B,68,2) predicted, in their pixels.
        """
        crops = [self._embedder.align_landmarks(points) for points in landmarks.detach().cpu()]
        pairs = zip(crops, rendered.split(1), photo.split(1), strict=True)
        cut = [(crop.warp(one)[0], crop.warp(other)[0]) for crop, one, other in pairs]
        drawn = self._vectors(torch.cat([one for one, _ in cut]))
        with torch.no_grad():
            photographed = self._vectors(torch.cat([other for _, other in cut]))
        return 1 - (drawn * photographed).sum(1)

    def _vectors(self, crops: Tensor) -> Tensor:
        vectors = self._embedder.network(crops.to(self._device)).to(crops.device)
        return functional.normalize(vectors, dim=1)
