"""Training a network of UV maps on faces whose shape and pose are known.

`uv_pictures` shows what it makes of photographs, to look at while it trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.batches.batch import FaceBatch
from ...engine.task import Task
from ...geometry.checks import check_shape
from ...models.sadrnet.layout import SHAPE_UNIT, UvFaces, UvLayout
from ...models.sadrnet.network import UvPrediction
from ...pipeline.studio import studio_light
from ...render.face import FaceRenderer
from ..packing import Pack
from ..pictures import sheet_of
from ..task_batches import TaskBatches
from .losses import UvLosses
from .metrics import UvMetrics
from .targets import UvTargetMaker

_GREY = 0.75
_OFFSET = 0.1  # of `SHAPE_UNIT` from the mean, at which a colour is full: 7 mm
HIDDEN = "covered_"
"""Before the names of metrics and pictures of faces under patches."""
_SHOWN = 4  # faces of each kind in pictures


def uv_pictures(
    prediction: UvPrediction, layout: UvLayout, batch: FaceBatch, rasterizer: str
) -> dict[str, Tensor]:
    """Pictures (3,H,W) by name, a column for each face of a batch.

    `faces`: crop, attention over it, shape over it after self-alignment. `maps`: position map
    (red and green x and y, blue depth), and the shape's difference from the mean, grey for none.

    Args:
        prediction: of the batch, float32.
        layout: of the maps.
        batch: the crops.
        rasterizer: a registered name.
    """
    photo = batch.images
    check_shape("images", photo, (None, 3, layout.spec.crop_size, layout.spec.crop_size))
    rows = [photo]
    if prediction.attention is not None:
        seen = torch.nn.functional.interpolate(prediction.attention, size=photo.shape[-1])
        rows.append(photo * (0.15 + 0.85 * seen))
    rows.append(_shape(layout, layout.decode(prediction), photo, rasterizer))
    pictures = {"faces": sheet_of(rows)}
    maps = _maps(prediction, layout)
    return {**pictures, "maps": sheet_of(maps)} if maps else pictures


def _shape(layout: UvLayout, faces: UvFaces, photo: Tensor, rasterizer: str) -> Tensor:
    """The grey faces over the photographs."""
    vertices = faces.vertices
    rendering = FaceRenderer(layout.faces, rasterizer=rasterizer)(
        vertices,
        faces.camera,
        (photo.shape[-2], photo.shape[-1]),
        albedo=torch.full_like(vertices, _GREY),
        light=studio_light().to(vertices).expand(len(vertices), -1, -1),
    )
    return rendering.over(photo).clamp(0, 1)


def _maps(prediction: UvPrediction, layout: UvLayout) -> list[Tensor]:
    maps, mask = [], layout.mapper.mask
    if prediction.position is not None:
        pixels = prediction.position * layout.position_unit / layout.spec.crop_size
        deep = pixels.new_tensor([0.0, 0.0, 0.5])[:, None, None]
        maps.append((pixels + deep).clamp(0, 1) * mask)
    if prediction.deformation is not None:
        offset = prediction.deformation
        if layout.spec.absolute:
            offset = offset - layout.mean_map / SHAPE_UNIT
        maps.append((0.5 + 0.5 * offset / _OFFSET).clamp(0, 1) * mask)
    return maps


@dataclass(frozen=True)
class UvMeasures:
    """How far predicted maps are off.

    Attributes:
        maker: of the targets.
        losses: the terms of training.
        metrics: of validations.
    """

    maker: UvTargetMaker
    losses: UvLosses
    metrics: UvMetrics


class UvTask(Task):
    """Trains a network of UV maps on faces whose shape and pose are known.

    Args:
        network: images to `UvPrediction`.
        measures: targets, losses and metrics.
        batches: what it learns from and is measured by.
        pack: network and facts to the files that are written.
        rasterizer: of the pictures.
    """

    def __init__(
        self,
        network: nn.Module,
        measures: UvMeasures,
        batches: TaskBatches,
        pack: Pack,
        rasterizer: str = "cpu",
    ) -> None:
        self.network, self.source = network, batches.source
        self._maker, self._losses = measures.maker, measures.losses
        self._metrics, self._test = measures.metrics, batches.test
        kinds = {"": batches.validation, HIDDEN: batches.hidden}
        self._validation = {prefix: kind for prefix, kind in kinds.items() if kind}
        self._pack, self._rasterizer = pack, rasterizer
        self.tested = bool(batches.test)

    def losses(self, network: nn.Module, batch: FaceBatch) -> dict[str, Tensor]:
        """The weighted terms of a batch."""
        device = batch.images.device
        with self.timer("network"):
            prediction: UvPrediction = network(batch.images)
        with torch.autocast(device.type, enabled=False), self.timer("geometry"):
            targets = self._maker.to(device)(batch)
            terms: dict[str, Tensor] = self._losses.to(device)(prediction, targets)
        return terms

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The metrics of `UvMetrics` by prefix."""
        metrics: dict[str, float] = {}
        for prefix, batches in self._validation.items():
            of_set = self._metrics(network, batches)
            metrics |= {f"{prefix}{name}": value for name, value in of_set.items()}
        return metrics

    def test(self, network: nn.Module) -> dict[str, float]:
        """The metrics of `UvMetrics` for the test sets."""
        return self._metrics(network, self._test)

    @torch.no_grad()
    def pictures(self, network: nn.Module) -> dict[str, Tensor]:
        """`uv_pictures` of the first faces of each kind of validation."""
        device = next(network.parameters()).device
        layout = self._losses.layout.to(device)
        pictures: dict[str, Tensor] = {}
        for prefix, batches in self._validation.items():
            batch = batches[0][:_SHOWN].to(device)
            maps = UvPrediction(*(None if m is None else m.float() for m in network(batch.images)))
            shown = uv_pictures(maps, layout, batch, self._rasterizer)
            pictures |= {f"{prefix}{name}": picture for name, picture in shown.items()}
        return pictures

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The weights."""
        return self._pack(network, facts)
