"""Training the dense-point network on rendered faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.rendered import DenseBatch, DenseBatchMaker
from ..geometry.coefficient_vector import EXPRESSION_UNIT
from ..geometry.dense_points import PointLayout
from ..geometry.face_model import FaceModel
from ..losses.coefficients import coefficient_error
from ..losses.points import box_unit, depth_distance, distance_likelihood, point_distance
from ..losses.reduction import masked_mean
from ..models.heads.points import PointPrediction
from ..models.weights import pack_weights
from .prefetch import Source
from .step_timer import NO_TIMER, Timer

_EVALUATION_BATCH = 128
_LEAST_VARIANCE = 1e-3  # of a coefficient in its unit


@dataclass(frozen=True)
class DenseLossConfig:
    """Weights of the terms.

    Attributes:
        points: of the distance in x and y.
        depth: of the distance in z.
        landmarks: share of the landmark sets in both, the rest belongs to the vertices.
        confidence: of the likelihood that teaches the confidences alone.
        identity, expression, albedo, light: of the direct coefficients' errors, each of which is
            1 for a network that answers 0 on standard normal coefficients.
    """

    points: float = 1.0
    depth: float = 0.3
    landmarks: float = 0.6
    confidence: float = 0.003
    identity: float = 0.02
    expression: float = 0.02
    albedo: float = 0.01
    light: float = 0.01


class DensePointTask:
    """See `engine.task.Task`.

    Args:
        network: a dense-point network.
        source: of its batches.
        validation: makes batches without augmentation, of faces that `source` never shows.
        model: the face model of the layout.
        layout: the points.
        config: see `DenseLossConfig`.
        name: of the network in the registry.
    """

    def __init__(
        self,
        network: nn.Module,
        source: Source,
        validation: DenseBatchMaker,
        model: FaceModel,
        layout: PointLayout,
        config: DenseLossConfig,
        name: str = "dense-points",
    ) -> None:
        self.network, self.source = network, source
        self.layout, self.name = layout, name
        self.timer: Timer = NO_TIMER
        self._validation, self._config = validation, config
        self._frame = layout.landmarks("ibug68")
        self._share = point_shares(layout, config.landmarks)
        self._modes = mode_shares(model)
        self._variance = [1.0] * sum((*model.sizes, 27))

    def losses(self, network: nn.Module, batch: DenseBatch) -> dict[str, Tensor]:
        """Distances over the size of the face, likelihood of the confidences, coefficients."""
        c = self._config
        with self.timer("network"):
            out: PointPrediction = network(batch.images)
        points, log_sigma, vector = (value.float() for value in out)
        unit = box_unit(batch.points[:, self._frame])
        share = self._share.to(points).expand(len(points), -1)
        distance = point_distance(points, batch.points, unit)
        likelihood = distance_likelihood(distance.detach() * unit, log_sigma)
        terms = {
            "points": c.points * masked_mean(distance, share),
            "depth": c.depth * masked_mean(depth_distance(points, batch.points, unit), share),
            "confidence": c.confidence * masked_mean(likelihood, share),
        }
        error = coefficient_error(vector, batch.coefficients)
        for kind, modes in self._modes.items():
            part = (error * modes.to(error)).sum(1).mean()
            terms[kind] = getattr(c, kind) * part
        return terms

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """On rendered faces, framed by their landmarks: NME of these and of all points, %."""
        rows = torch.arange(len(self._validation.faces)).split(_EVALUATION_BATCH)
        device = next(network.parameters()).device
        found: list[Tensor] = []
        squared: list[Tensor] = []
        for part in rows:
            batch = self._validation(part, 0).to(device)
            out: PointPrediction = network(batch.images)
            unit = box_unit(batch.points[:, self._frame])
            found.append(point_distance(out.points, batch.points, unit))
            squared.append(coefficient_error(out.coefficients, batch.coefficients))
        distance = torch.cat(found) * 100
        self._variance = torch.cat(squared).mean(0).clamp(min=_LEAST_VARIANCE).tolist()
        figures = {f"nme_{name}": float(distance[:, self.layout.landmarks(name)].mean())
                   for name in self.layout.landmark_sets}  # fmt: skip
        return {"error": figures["nme_ibug68"], **figures, "nme_all": float(distance.mean())}

    def state_dict(self) -> dict[str, Any]:
        """What the last validation found out about the direct coefficients."""
        return {"variance": self._variance}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self._variance = list(state["variance"])

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """A weights file; its header says how exact the direct coefficients were last time."""
        options = self.network.options
        known = {**facts, "coefficient_variance": self._variance}
        return {".safetensors": pack_weights(network, self.name, options, self.layout, known)}


def point_shares(layout: PointLayout, landmarks: float) -> Tensor:
    """Weights (N,) of the points that sum to 1: `landmarks` for the sets, the rest for vertices."""
    sets, vertices = 68 * len(layout.landmark_sets), len(layout.vertices)
    share = torch.full((len(layout),), landmarks / sets)
    share[sets:] = (1 - landmarks) / max(vertices, 1)
    return share


def mode_shares(model: FaceModel) -> dict[str, Tensor]:
    """Weights (K,) of a coefficient vector's entries by kind, each summing to 1.

    A mode counts by how much it moves or colours the face, so that the sum is the share of the
    squared displacement that is missed; the 27 numbers of light count alike.
    """
    sizes = [*model.sizes, 27]
    power = [
        model.identity.square().sum((1, 2)),
        model.expression.square().sum((1, 2)) * EXPRESSION_UNIT**2,
        model.albedo_basis.square().sum((1, 2)),
        torch.ones(27),
    ]
    out, start = {}, 0
    for kind, size, value in zip(("identity", "expression", "albedo", "light"), sizes, power,
                                 strict=True):  # fmt: skip
        weights = torch.zeros(sum(sizes))
        weights[start : start + size] = value / value.sum().clamp(min=1e-9)
        out[kind] = weights
        start += size
    return out
