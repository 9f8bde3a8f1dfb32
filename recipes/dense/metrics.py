"""What a validation of a dense-point network says: points, confidence, classes, identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ...datasets.shards.rendered import DenseBatch
from ...geometry.dense_points import PointLayout
from ...geometry.face_model import FaceModel
from ...geometry.segments import Segment
from ...losses.points import box_unit, point_distance
from ...models.heads.points import PointPrediction

WITHIN = 0.68
"""Share of the errors that a stated error is to be no less than: one sigma of a normal deviate."""

_REGIONS = {
    "jaw": (0, 17),
    "brows": (17, 27),
    "nose": (27, 36),
    "eyes": (36, 48),
    "mouth": (48, 68),
}
_LEADING = 20  # modes whose reading is told
_EVERY = 8  # of the face's vertices, one in so many is measured
_LEAST = 1e-9


@dataclass(frozen=True)
class DenseFindings:
    """Predictions of B validation faces against the truth.

    Attributes:
        distance: (B,N) in x and y over the size of the face.
        ratio: (B,N) distance over the predicted scale, exp(log_sigma).
        predicted, truth: (B,K) coefficient vectors.
        seen: (B,N) bool, points whose visibility was told rightly; empty (0,N) where none is told.
        confusion: (C,C) places of class row that were told to be class column.
    """

    distance: Tensor
    ratio: Tensor
    predicted: Tensor
    truth: Tensor
    seen: Tensor
    confusion: Tensor

    @classmethod
    def of(cls, out: PointPrediction, batch: DenseBatch, frame: slice) -> DenseFindings:
        """Compare predictions with a batch; `frame` is where ibug68 lies among the points."""
        unit = box_unit(batch.points[:, frame])
        distance = point_distance(out.points, batch.points, unit)
        seen = torch.zeros(0, distance.shape[1], dtype=torch.bool)
        if out.visibility is not None and batch.visible is not None:
            seen = ((out.visibility > 0) == batch.visible).cpu()
        ratio = distance * unit / out.log_sigma.exp()
        return cls(
            distance.cpu(),
            ratio.cpu(),
            out.coefficients.cpu(),
            batch.coefficients.cpu(),
            seen,
            _confusion(out, batch),
        )

    @classmethod
    def joined(cls, parts: Iterable[DenseFindings]) -> DenseFindings:
        """The findings of several batches as one."""
        rows = list(parts)
        names = [field.name for field in fields(cls) if field.name != "confusion"]
        values = {name: torch.cat([getattr(part, name) for part in rows]) for name in names}
        confusion = torch.stack([part.confusion for part in rows]).sum(0)
        return cls(**values, confusion=confusion)

    def sigma_scale(self) -> Tensor:
        """(N,): a point's predicted scale times this is no less than `WITHIN` of its errors."""
        return self.ratio.quantile(WITHIN, 0)

    def squared_errors(self) -> Tensor:
        """Mean squared errors (K,) of the coefficients."""
        return (self.predicted - self.truth).square().mean(0)


def dense_metrics(
    findings: DenseFindings, layout: PointLayout, model: FaceModel
) -> Mapping[str, float]:
    """The metrics of a validation by name; `error` is the one to be small.

    NME of the landmark sets, of all points and of regions of ibug68, in % of the face's size; share
    of errors within the stated ones, these being scaled by the other half of the faces; share of
    points whose visibility is told rightly; mean IoU of the classes that occur; of the first 20
    identity modes R^2 and slope of truth on answers; mean distance of the neutral faces' vertices
    in mm, that of the mean face, and the share of variance explained.
    """
    percent = findings.distance * 100
    sets = {name: percent[:, layout.landmarks(name)].mean() for name in layout.landmark_sets}
    first = percent[:, layout.landmarks(layout.landmark_sets[0])]
    values = {f"nme_{name}": value for name, value in sets.items()} | {"nme_all": percent.mean()}
    values |= {f"nme_{name}": first[:, a:b].mean() for name, (a, b) in _REGIONS.items()}
    values["within_sigma"] = _within(findings.ratio)
    if len(findings.seen):
        values["visibility"] = findings.seen.float().mean()
    if findings.confusion.sum() > 0:
        values["miou"] = _mean_iou(findings.confusion)
    count = model.sizes[0]
    values |= _identity_metrics(findings.predicted[:, :count], findings.truth[:, :count], model)
    metrics = {name: float(value) for name, value in values.items()}
    return {"error": metrics[f"nme_{layout.landmark_sets[0]}"], **metrics}


def _within(ratio: Tensor) -> Tensor:
    """Share of errors within stated ones that each half of the faces scales for the other."""
    halves = ratio[0::2], ratio[1::2]
    if not len(halves[1]):
        return torch.tensor(torch.nan)
    scales = [half.quantile(WITHIN, 0) for half in halves]
    inside = [(ratios <= scale).float() for ratios, scale in zip(halves, scales[::-1], strict=True)]
    return torch.cat(inside).mean()


def _confusion(out: PointPrediction, batch: DenseBatch) -> Tensor:
    count = len(Segment)
    if out.segmentation is None or batch.segmentation is None:
        return torch.zeros(count, count, dtype=torch.int64)
    pairs = batch.segmentation * count + out.segmentation.argmax(1)
    return torch.bincount(pairs.flatten(), minlength=count**2).view(count, count).cpu()


def _mean_iou(confusion: Tensor) -> Tensor:
    right = confusion.diagonal().double()
    either = confusion.sum(0) + confusion.sum(1) - right
    return (right / either.clamp(min=1))[confusion.sum(1) > 0].mean()


def _identity_metrics(predicted: Tensor, truth: Tensor, model: FaceModel) -> dict[str, Tensor]:
    answer, real = predicted[:, :_LEADING], truth[:, :_LEADING]
    spread = (real - real.mean(0)).square().sum(0).clamp(min=_LEAST)
    centred = answer - answer.mean(0)
    slope = (centred * real).sum(0) / centred.square().sum(0).clamp(min=_LEAST)
    basis = model.identity[:, model.region("face")][:, ::_EVERY]
    basis = basis.to(truth.device).flatten(1)
    wrong = ((predicted - truth) @ basis).unflatten(1, (-1, 3))
    away = (truth @ basis).unflatten(1, (-1, 3))
    return {
        "identity_r2": (1 - (answer - real).square().sum(0) / spread).mean(),
        "identity_slope": slope.mean(),
        "shape_mm": wrong.norm(dim=-1).mean(),
        "shape_mm_mean_face": away.norm(dim=-1).mean(),
        "shape_explained": 1 - wrong.square().sum() / away.square().sum().clamp(min=_LEAST),
    }
