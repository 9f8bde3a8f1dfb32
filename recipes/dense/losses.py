"""The terms that teach a dense-point network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import InputError
from ...datasets.shards.rendered import DenseBatch
from ...geometry.coefficients import EXPRESSION_UNIT
from ...geometry.dense_points import PointLayout
from ...geometry.face_model import FaceModel
from ...geometry.segments import Segment
from ...losses.coefficients import coefficient_error
from ...losses.pixel_classes import segmentation_error
from ...losses.points import (
    box_unit,
    depth_distance,
    distance_likelihood,
    gap_distance,
    point_distance,
    visibility_error,
)
from ...losses.reduction import masked_mean
from ...losses.shape import disagreement, displacement_matrix, squared_displacement
from ...models.heads.points import PointPrediction
from ..lessons import require_weight

_GAPS = ((61, 67), (62, 66), (63, 65), (37, 41), (38, 40), (43, 47), (44, 46))  # of ibug68
_FINE = {  # classes of few places, which count more
    Segment.BROWS: 4.0,  # those of photographs are thinner and lighter than many drawn ones
    Segment.SCLERA: 3.0,
    Segment.IRIS: 3.0,
    Segment.LIPS: 2.0,
    Segment.TEETH: 2.5,
    Segment.MOUTH: 2.5,
    Segment.EARS: 1.5,
    Segment.BEARD: 1.5,
    Segment.GLASSES: 1.5,
}
_COARSE = 0.7  # what all others count, but for the background
_BACKGROUND = 0.4

TERMS = ("points", "depth", "gaps", "confidence", "visibility", "segmentation", "identity",
         "population", "agreement", "expression", "albedo", "light")  # fmt: skip


@dataclass(frozen=True)
class DenseLossConfig:
    """Weights of the terms; those of outputs that a network does not have are left out.

    Attributes:
        points: of the distance in x and y.
        depth: of the distance in z.
        landmarks: share of the landmark sets in both, the rest belongs to the vertices.
        hidden: what points that are not seen count in both, over what seen ones do.
        gaps: of the way from upper to lower inner lip and lid, wrong in x and y.
        confidence: of the likelihood that teaches the confidences alone.
        visibility: of the cross entropy of points being seen.
        segmentation: of the cross entropy of classes; those of few places count more.
        identity: of the squared displacement of the neutral face by the identity coefficients'
            errors, over the one that a random person has from the mean.
        population: of the identity coefficients' errors in units of the population, the first
            `leading` alike, later ones the less the later.
        leading: see there.
        agreement: of what identity coefficients of one person differ from their mean, in the same
            units as `population`; only where a batch holds several pictures of a person.
        expression, albedo, light: of the direct coefficients' errors, each of which is 1 for a
            network that answers 0 on standard normal coefficients.
    """

    points: float = 1.0
    depth: float = 0.3
    landmarks: float = 0.5
    hidden: float = 0.5
    gaps: float = 0.3
    confidence: float = 0.003
    visibility: float = 0.01
    segmentation: float = 0.02
    identity: float = 0.08
    population: float = 0.02
    leading: int = 40
    agreement: float = 0.01
    expression: float = 0.02
    albedo: float = 0.01
    light: float = 0.01

    def __post_init__(self) -> None:
        require_weight(self, TERMS)


class DenseLosses:
    """Terms of batches for one model and layout.

    Args:
        model: the face model.
        layout: its points.
        config: see `DenseLossConfig`.
    """

    def __init__(self, model: FaceModel, layout: PointLayout, config: DenseLossConfig) -> None:
        self.config = config
        self._frame = layout.landmarks("ibug68")
        self._gaps = torch.tensor(_GAPS) + self._frame.start
        self._share = point_shares(layout, config.landmarks)
        self._modes = mode_shares(model, config.leading)
        self._identity = model.sizes[0]
        shape = displacement_matrix(model.identity[:, model.region("face")])
        self._shape = shape / shape.trace().clamp(min=1e-9)
        self._classes = class_weights()

    def __call__(self, out: PointPrediction, batch: DenseBatch) -> dict[str, Tensor]:
        """The weighted terms, scalars; predictions in float32."""
        terms = self._of_points(out, batch) | self._of_coefficients(out.coefficients, batch)
        if out.visibility is not None:
            terms["visibility"] = self._of_visibility(out.visibility, batch)
        if out.segmentation is not None:
            terms["segmentation"] = self._of_segmentation(out.segmentation, batch)
        return terms

    def _of_points(self, out: PointPrediction, batch: DenseBatch) -> dict[str, Tensor]:
        c, truth = self.config, batch.points
        unit = box_unit(truth[:, self._frame])
        share = self._share.to(truth).expand(len(truth), -1)
        if batch.visible is not None:
            share = share * torch.where(batch.visible, 1.0, c.hidden)
        distance = point_distance(out.points, truth, unit)
        likelihood = distance_likelihood(distance.detach() * unit, out.log_sigma)
        gaps = gap_distance(out.points, truth, self._gaps.to(truth.device), unit)
        return {
            "points": c.points * masked_mean(distance, share),
            "depth": c.depth * masked_mean(depth_distance(out.points, truth, unit), share),
            "gaps": c.gaps * gaps.mean(),
            "confidence": c.confidence * likelihood.mean(),
        }

    def _of_coefficients(self, vector: Tensor, batch: DenseBatch) -> dict[str, Tensor]:
        c, count, truth = self.config, self._identity, batch.coefficients
        error = coefficient_error(vector, truth)
        terms = {
            kind: getattr(c, kind) * (error * share.to(error)).sum(1).mean()
            for kind, share in self._modes.items()
        }
        moved = squared_displacement(vector[:, :count], truth[:, :count], self._shape.to(error))
        terms["identity"] = c.identity * moved.mean()
        if batch.person is not None:
            apart = disagreement((vector - truth)[:, :count], batch.person)
            share = self._modes["population"][:count].to(error)
            terms["agreement"] = c.agreement * (apart * share).sum(1).mean()
        return terms

    def _of_visibility(self, logits: Tensor, batch: DenseBatch) -> Tensor:
        if batch.visible is None:
            raise unlabelled("visible_vertices", "network.visibility=false")
        return self.config.visibility * visibility_error(logits, batch.visible).mean()

    def _of_segmentation(self, logits: Tensor, batch: DenseBatch) -> Tensor:
        if batch.segmentation is None:
            raise unlabelled("segmentation", "network.segments=0")
        error = segmentation_error(logits, batch.segmentation)
        weights = self._classes.to(error)[batch.segmentation]
        return self.config.segmentation * masked_mean(error, weights)


def unlabelled(name: str, otherwise: str) -> InputError:
    """What is said of faces without a label that an output of the network is taught by."""
    remedy = f"Draw the faces anew (selfie3d synth), or train without: {otherwise}."
    return InputError("training data", f"faces with {name}", "shards of an older format", remedy)


def class_weights() -> Tensor:
    """What each class of a segmentation counts, (C,)."""
    weights = torch.full((len(Segment),), _COARSE)
    weights[Segment.BACKGROUND] = _BACKGROUND
    for segment, weight in _FINE.items():
        weights[segment] = weight
    return weights


def point_shares(layout: PointLayout, landmarks: float) -> Tensor:
    """Weights (N,) of the points that sum to 1: `landmarks` for the sets, the rest for vertices."""
    sets, vertices = 68 * len(layout.landmark_sets), len(layout.vertices)
    share = torch.full((len(layout),), landmarks / sets)
    share[sets:] = (1 - landmarks) / max(vertices, 1)
    return share


def mode_shares(model: FaceModel, leading: int) -> Mapping[str, Tensor]:
    """Weights (K,) of a coefficient vector's entries by kind, each summing to 1.

    Of "population" the first `leading` identity modes count alike, mode k beyond leading / k of
    that; a mode of "expression" and "albedo" counts by how much it moves or colours the face; the
    27 numbers of "light" count alike.
    """
    sizes = [*model.sizes, 27]
    place = torch.arange(1, sizes[0] + 1)
    power = [
        (leading / place).clamp(max=1.0),
        model.expression.square().sum((1, 2)) * EXPRESSION_UNIT**2,
        model.albedo_basis.square().sum((1, 2)),
        torch.ones(27),
    ]
    out, start = {}, 0
    kinds = ("population", "expression", "albedo", "light")
    for kind, size, value in zip(kinds, sizes, power, strict=True):
        weights = torch.zeros(sum(sizes))
        weights[start : start + size] = value / value.sum().clamp(min=1e-9)
        out[kind] = weights
        start += size
    return out
