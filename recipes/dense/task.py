"""Training the dense-point network on rendered faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.shards.rendered import DenseBatch, DenseBatchMaker, LabelledPoints
from ...engine.prefetch import Source
from ...engine.task import Task
from ...geometry.dense_points import PointLayout
from ...geometry.face_model import FaceModel
from ...models.heads.points import PointPrediction
from ...models.network import Network
from ...models.weights import pack_weights
from .losses import DenseLossConfig, DenseLosses
from .metrics import DenseFindings, dense_metrics

_EVALUATION_BATCH = 128
_LEAST_VARIANCE = 1e-3  # of a coefficient in its unit
_DIGITS = 5


@dataclass(frozen=True)
class DenseBatches:
    """What a dense-point network learns from, and what it is measured by.

    Attributes:
        source: of training batches.
        validation: makes batches without augmentation, of faces that `source` never shows.
        makers: of the source's batches; told where a checkpoint names other points.
    """

    source: Source
    validation: DenseBatchMaker
    makers: Sequence[DenseBatchMaker] = ()


class DensePointTask(Task):
    """Trains a dense-point network on rendered faces.

    Args:
        network: a dense-point network.
        batches: what it learns from and is measured by.
        model: the face model of the layout.
        layout: the points.
        config: see `DenseLossConfig`.
        name: of the network in the registry.
    """

    network: Network

    def __init__(
        self,
        network: Network,
        batches: DenseBatches,
        model: FaceModel,
        layout: PointLayout,
        config: DenseLossConfig,
        name: str = "dense-points",
    ) -> None:
        self.network, self.source = network, batches.source
        self.layout, self.name = layout, name
        self._validation, self._config, self._model = batches.validation, config, model
        self._makers = (batches.validation, *batches.makers)
        self._losses = DenseLosses(model, layout, config)
        self._variance = [1.0] * sum((*model.sizes, 27))
        self._sigma_scale = [1.0] * len(layout)

    def losses(self, network: nn.Module, batch: DenseBatch) -> dict[str, Tensor]:
        """Distances over the size of the face, confidences, classes, coefficients."""
        with self.timer("network"):
            out: PointPrediction = network(batch.images)
        with self.timer("losses"):
            return self._losses(_in_float(out), batch)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """On rendered faces, framed by their landmarks; see `dense_metrics`."""
        device = next(network.parameters()).device
        frame = self.layout.landmarks("ibug68")
        parts = []
        for rows in torch.arange(len(self._validation.faces)).split(_EVALUATION_BATCH):
            batch = self._validation(rows, 0).to(device)
            parts.append(DenseFindings.of(_in_float(network(batch.images)), batch, frame))
        findings = DenseFindings.joined(parts)
        self._variance = _rounded(findings.squared_errors().clamp(min=_LEAST_VARIANCE))
        self._sigma_scale = _rounded(findings.sigma_scale())
        return dict(dense_metrics(findings, self.layout, self._model))

    def state_dict(self) -> dict[str, Any]:
        """What the last validation told of coefficients and scales, and which points there are."""
        return {
            "variance": self._variance,
            "sigma_scale": self._sigma_scale,
            "layout": self.layout.describe(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, with its points; older ones say less."""
        if "layout" in state:
            self._use(PointLayout.restore(state["layout"]))
        self._variance = list(state["variance"])
        self._sigma_scale = list(state.get("sigma_scale", self._sigma_scale))

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """A weights file; its header says how exact direct coefficients and stated errors are."""
        options = self.network.options
        known = {
            **facts,
            "coefficient_variance": self._variance,
            "sigma_scale": self._sigma_scale,
        }
        return {
            ".safetensors": pack_weights(
                network, self.name, options, layout=self.layout, facts=known
            )
        }

    def _use(self, layout: PointLayout) -> None:
        """Points of a run that began before the face model changed a little."""
        if layout == self.layout:
            return
        self.layout = layout
        self._losses = DenseLosses(self._model, layout, self._config)
        points = LabelledPoints.of(self._model, layout)
        for maker in self._makers:
            maker.use(points)


def _in_float(out: PointPrediction) -> PointPrediction:
    values = {name: value.float() for name, value in out._asdict().items() if value is not None}
    return PointPrediction(**values)


def _rounded(values: Tensor) -> list[float]:
    return [round(value, _DIGITS) for value in values.tolist()]
