"""What a network of UV maps is to predict of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...datasets.batches.occluders import COVERED
from ...geometry.face_model import FaceModel
from ...models.sadrnet.layout import UvLayout
from ...render.back_ends import get_rasterizer

_FINER = 4  # pixels per texel of the attention, along a side, that a face is drawn in


@dataclass(frozen=True)
class UvTargets:
    """Maps of B faces.

    Attributes:
        position: (B,3,S,S) P, crop pixels over the layout's `position_unit`.
        shaped: (B,3,S,S) D, or S where the layout is absolute, over `SHAPE_UNIT`.
        known: (B,) bool, the faces whose maps these are; others hold some face's.
        attention: (B,1,s,s) in [0,1], how much of the face is seen there.
        attended: (B,) bool, the faces whose attention this is.
    """

    position: Tensor
    shaped: Tensor
    known: Tensor
    attention: Tensor
    attended: Tensor


class UvTargetMaker(nn.Module):
    """Makes the targets of batches.

    Attention is the batch's skin mask where a row has one; else the face is drawn, as SADRNet does,
    and what is outside the photograph or under a patch is taken away. (A mask knows of hair and
    glasses, too; a drawing covers the forehead whatever hangs over it.)

    Args:
        layout: of the maps.
        model: whose coefficients the batches know.
        side: of the attention map.
        rasterizer: a registered name.
    """

    def __init__(self, layout: UvLayout, model: FaceModel, side: int, rasterizer: str) -> None:
        super().__init__()
        self.layout, self.model, self.side = layout, model, side
        self._rasterizer = get_rasterizer(rasterizer)

    @torch.no_grad()
    def forward(self, batch: FaceBatch) -> UvTargets:
        """The targets of a batch, on its device."""
        known = torch.zeros(len(batch), dtype=torch.bool, device=batch.images.device)
        known = known if batch.known is None else batch.known
        if batch.truth is None:
            side = self.layout.spec.map_size
            none = batch.images.new_zeros(len(batch), 3, side, side)
            return UvTargets(none, none, known, *self._attention(batch, None, known))
        vertices = self.model.vertices(batch.truth.coefficients)
        position, shape = self.layout.encode(vertices, batch.truth.camera)
        return UvTargets(position, shape, known, *self._attention(batch, vertices, known))

    def _attention(
        self, batch: FaceBatch, vertices: Tensor | None, known: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The attention (B,1,s,s) and whose is known (B,)."""
        attention = batch.images.new_zeros(len(batch), 1, self.side, self.side)
        masked = torch.zeros_like(known)
        if batch.skin is not None:
            masked = torch.isfinite(batch.skin).flatten(1).all(1)
            attention = _shrunk(torch.nan_to_num(batch.skin), self.side)
        drawn = known & ~masked
        if vertices is not None and bool(drawn.any()):
            rows = torch.nonzero(drawn)[:, 0]
            attention = attention.index_copy(0, rows, self._drawn(batch[rows], vertices[rows]))
        return attention.clamp(0, 1), masked | known

    def _drawn(self, batch: FaceBatch, vertices: Tensor) -> Tensor:
        """Where faces lie in their crops (B,1,s,s)."""
        if batch.truth is None:
            raise InputError("batch", "known faces", "none")
        size, fine = batch.images.shape[-1], _FINER * self.side
        clip = batch.truth.camera.to_clip(vertices, (size, size))
        triangles = self.layout.faces.to(torch.int32)
        fragments = self._rasterizer.rasterize(clip, triangles, (fine, fine))
        seen = _shrunk(fragments.covered.float()[:, None], self.side)
        for label, sign in (("inside", 1), (COVERED, -1)):
            if label in batch.labels:
                share = _shrunk(batch.labels[label].to(seen).nan_to_num(), self.side)
                seen = seen * (share if sign > 0 else 1 - share)
        return seen


def _shrunk(images: Tensor, side: int) -> Tensor:
    """(B,1,S,S) averaged to (B,1,side,side)."""
    return nn.functional.adaptive_avg_pool2d(images, side)
