"""What a network makes of photographs, to look at while it trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..datasets.batch import FaceBatch
from ..geometry.uv import UVMapper
from ..models.heads.learned_bases import model_of
from ..pipeline.face import studio_light
from .face_figures import Decoder, FaceViewer

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
    pictures = {"faces": torch.cat([_row(row) for row in rows], 1)}
    if float(model.uv.abs().sum()) > 0:
        mapper = UVMapper(model.uv, model.uv_faces, model.faces, _UV_SIZE).to(photo.device)
        pictures["albedo"] = _row(mapper.position_map(albedo).clamp(0, 1))
    return pictures


def _row(images: Tensor) -> Tensor:
    """(N,3,H,W) side by side, (3,H,N W)."""
    return torch.cat(list(images), 2)
