"""What a network of UV maps makes of photographs, to look at while it trains."""

from __future__ import annotations

import torch
from torch import Tensor

from ..datasets.batch import FaceBatch
from ..geometry.checks import check_shape
from ..models.heads.uv_layout import SHAPE_UNIT, UvFaces, UvLayout
from ..models.sadrnet import UvPrediction
from ..pipeline.face import studio_light
from ..render.face import FaceRenderer

_GREY = 0.75
_OFFSET = 0.1  # of `SHAPE_UNIT` from the mean, at which a colour is full: 7 mm


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
    pictures = {"faces": torch.cat([_row(row) for row in rows], 1)}
    maps = _maps(prediction, layout)
    return {**pictures, "maps": torch.cat([_row(one) for one in maps], 1)} if maps else pictures


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


def _row(images: Tensor) -> Tensor:
    """(N,3,H,W) side by side, (3,H,N W)."""
    return torch.cat(list(images), 2)
