"""Training a network to reconstruct faces, on photographs, on known faces, or on both at once.

`face_pictures` shows what it makes of photographs, to look at while it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.batches.batch import FaceBatch
from ...engine.task import Task
from ...geometry.uv import UVMapper
from ...models.heads.learned_bases import bases_of, model_of
from ...pipeline.studio import studio_light
from ..packing import Pack
from ..pictures import row_of, sheet_of
from ..task_batches import TaskBatches
from .losses import FaceLosses
from .metrics import Decoder, FaceViewer, face_metrics
from .network import hold_norms

_SHOWN = 8
_UV_SIZE = 96  # texels
_FULL = 4.0  # the difference is full at a quarter of the range


def face_pictures(
    network: nn.Module, decode: Decoder, viewer: FaceViewer, batch: FaceBatch
) -> dict[str, Tensor]:
    """Pictures (3,H,W) by name, a column for each of the first faces of a batch.

    `faces`: photograph, rendering over it, rendering alone, bare shape over it, difference in red.
    `albedo`: the model's albedo, spread out in UV, where the model has a chart.
    """
    batch = batch[:_SHOWN]
    photo, model = batch.images, model_of(network, viewer.model)
    faces = decode(network(photo))
    seen = viewer(faces, photo.shape[-1], model).rendering
    shown = seen.over(photo).clamp(0, 1)
    vertices, albedo = model.vertices(faces.coefficients), model.albedo(faces.coefficients)
    bare = viewer.renderer(
        vertices,
        faces.camera,
        (photo.shape[-2], photo.shape[-1]),
        albedo=torch.full_like(vertices, 0.75),
        light=studio_light().to(vertices).expand(len(photo), -1, -1),
    )
    gap = _FULL * (shown - photo).abs().mean(1, keepdim=True) * seen.mask
    red = 1 - gap.clamp(0, 1) * gap.new_tensor([0.0, 1.0, 1.0])[:, None, None]
    rows = [photo, shown, seen.image.clamp(0, 1), bare.over(photo).clamp(0, 1), red]
    pictures = {"faces": sheet_of(rows)}
    if float(model.uv.abs().sum()) > 0:
        mapper = UVMapper(model.uv, model.uv_faces, model.faces, _UV_SIZE).to(photo.device)
        pictures["albedo"] = row_of(mapper.position_map(albedo).clamp(0, 1))
    return pictures


class FaceTask(Task):
    """Trains a network to reconstruct faces, by rendering and by what is known of them.

    Args:
        network: images to whatever `decode` understands.
        decode: that to faces with cameras in crop pixels.
        losses: the terms.
        batches: what it learns from and is measured by.
        pack: network and facts to the files that are written.
        fixed_norms: batch normalisations keep their statistics.
    """

    def __init__(
        self,
        network: nn.Module,
        decode: Decoder,
        losses: FaceLosses,
        batches: TaskBatches,
        pack: Pack,
        fixed_norms: bool = False,
    ) -> None:
        self.network, self.source, self._fixed_norms = network, batches.source, fixed_norms
        self._decode, self._losses, self._pack = decode, losses, pack
        self._batches = batches
        self.tested = bool(batches.test)

    def losses(self, network: nn.Module, batch: FaceBatch) -> dict[str, Tensor]:
        """The weighted terms of a batch."""
        if self._fixed_norms:
            hold_norms(network)
        self._losses.to(batch.images.device)
        with self.timer("network"):
            outputs = network(batch.images)
        with torch.autocast(batch.images.device.type, enabled=False):
            with self.timer("geometry"):
                model = model_of(self.network, self._losses.viewer.model)
                seen = self._losses.viewer(self._decode(outputs), batch.images.shape[-1], model)
            if self._losses.see_images:
                with self.timer("raster"):
                    _ = seen.rendering
            with self.timer("losses"):
                return self._losses(seen, batch) | self._losses.bases(bases_of(self.network))

    def begin_epoch(self, epoch: int, mean: Callable[[Tensor], Tensor]) -> None:
        """The landmarks' errors of the epoch that ended become weights."""
        if epoch > 0:
            self._losses.errors.end_epoch(mean)

    def state_dict(self) -> dict[str, object]:
        """The landmarks' errors."""
        return self._losses.errors.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put a state back."""
        self._losses.errors.load_state_dict(dict(state))

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """NME of the annotated points in %, and L1, PSNR and SSIM over the visible face."""
        return self._metrics(network, self._batches.validation)

    @torch.no_grad()
    def test(self, network: nn.Module) -> dict[str, float]:
        """The same metrics for the test sets."""
        return self._metrics(network, self._batches.test)

    def _metrics(self, network: nn.Module, batches: Iterable[FaceBatch]) -> dict[str, float]:
        device = next(network.parameters()).device
        losses = self._losses.to(device)
        moved = (batch.to(device) for batch in batches)
        return face_metrics(
            network, self._decode, losses.viewer, batches=moved, targets=losses.targets
        )

    @torch.no_grad()
    def pictures(self, network: nn.Module) -> dict[str, Tensor]:
        """Input, rendering over it, bare shape, and difference, of the first validation faces."""
        device = next(network.parameters()).device
        viewer, batch = self._losses.to(device).viewer, self._batches.validation[0].to(device)
        return face_pictures(network, self._decode, viewer, batch)

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The weights."""
        return self._pack(network, facts)
