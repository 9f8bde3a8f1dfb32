"""The terms that teach a face detector: scores that foretell the overlap, boxes, points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...datasets.synthetic.crowds.batch import CrowdBatch
from ...detect.drawn_network import STRIDE, FinderOutput, cell_centres
from ..lessons import require_weight

_USUAL = 4.0  # cells of a picture that are taught a face
_NEAR, _CELLS = 0.2, 0.6  # cells are a face's within this part of its side, or of their step
_SAFE = 1e-6


@dataclass(frozen=True)
class DetectorLossConfig:
    """Weights of the terms.

    Attributes:
        score: of the varifocal loss (Zhang et al., CVPR 2021).
        box: of 1 - GIoU.
        points: of the smooth L1 distance over the box's side.
        negative: weight of cells without a face; focus: power of their score.
    """

    score: float = 1.0
    box: float = 1.5
    points: float = 3.0
    negative: float = 0.75
    focus: float = 2.0

    def __post_init__(self) -> None:
        require_weight(self, ("score", "box", "points"))


def detector_losses(
    out: FinderOutput, batch: CrowdBatch, config: DetectorLossConfig
) -> Mapping[str, Tensor]:
    """The weighted terms, means over pictures."""
    height, width = batch.images.shape[-2:]
    owner, known = assign(batch, cell_centres(height, width, out.score.device))
    count = _USUAL * len(owner)
    positive = owner >= 0
    rows = torch.arange(len(owner), device=owner.device)[:, None].expand_as(owner)[positive]
    boxes, points = batch.boxes[rows, owner[positive]], batch.points[rows, owner[positive]]
    overlap, general = box_overlap(out.box[positive], boxes)
    target = torch.zeros_like(out.score)
    target[positive] = overlap.detach().clamp(min=0.1)
    side = (boxes[:, 2:] - boxes[:, :2]).prod(-1).sqrt().clamp(min=_SAFE)
    away = (out.points[positive] - points) / side[:, None, None]
    terms = {
        "score": _varifocal(out.score, target, positive, config)[known].sum(),
        "box": (1 - general).sum(),
        "points": functional.smooth_l1_loss(
            away, torch.zeros_like(away), beta=0.05, reduction="none"
        ).sum((1, 2)).sum() / 5,
    }  # fmt: skip
    return {name: getattr(config, name) * value / count for name, value in terms.items()}


def assign(batch: CrowdBatch, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Which cells are taught which face.

    Args:
        batch: of M faces a picture at most.
        centres: (N,2) of `cell_centres`.

    Returns:
        (B,N) int64 the face that a cell is taught, -1 for none; (B,N) bool, cells whose scores are
        taught anything.
    """
    low, high = batch.boxes[..., :2], batch.boxes[..., 2:]
    side = (high - low).clamp(min=0).prod(-1).sqrt()[..., None]
    away = (centres[None, None] - ((low + high) / 2)[:, :, None]).abs().amax(-1)
    close = away <= (_NEAR * side).clamp(min=_CELLS * STRIDE)
    taught = close & (batch.kinds == 1)[..., None]
    cost = torch.where(taught, away / side.clamp(min=_SAFE), torch.inf)
    least, owner = cost.min(1)
    owner = torch.where(least.isfinite(), owner, -1)
    doubtful = (batch.kinds == 2)[..., None] & (away <= 0.6 * side + STRIDE / 2)
    return owner, (owner >= 0) | ~doubtful.any(1)


def box_overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union, and GIoU (Rezatofighi et al., CVPR 2019), of boxes (...,4)."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (first, second)]
    union = (areas[0] + areas[1] - shared).clamp(min=_SAFE)
    hull = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(
        first[..., :2], second[..., :2]
    )
    whole = hull.prod(-1).clamp(min=_SAFE)
    overlap = shared / union
    return overlap, overlap - (whole - union) / whole


def _varifocal(
    score: Tensor, target: Tensor, positive: Tensor, config: DetectorLossConfig
) -> Tensor:
    entropy = functional.binary_cross_entropy_with_logits(score, target, reduction="none")
    unlike = config.negative * score.detach().sigmoid() ** config.focus
    return entropy * torch.where(positive, target, unlike)
