"""Parts of the face on a UV chart, as masks of texels."""

from __future__ import annotations

import torch
from torch import Tensor

from .face_model import FaceModel
from .uv import UVMapper

FACE_PARTS: dict[str, tuple[str, ...]] = {
    "eyes": ("eyelids", "brows"),
    "nose": ("nose",),
    "mouth": ("lips",),
    "neck": ("neck",),
}
"""Which regions of a face model make up a part; regions that it lacks are left out."""


def part_texels(
    model: FaceModel, mapper: UVMapper, landmark_set: str = "ibug68"
) -> dict[str, Tensor]:
    """Texels of "skin" (the whole chart), of `FACE_PARTS` and of the "landmarks".

    A texel belongs to a region if at least half of its place in its triangle does. A landmark is
    one texel, as in the weight mask of PRNet that SADRNet took over (68 of 256 x 256).

    Args:
        model: the face model.
        mapper: of a chart of it.
        landmark_set: of the model.

    Returns:
        masks (H,W) bool; they overlap.

    Raises:
        InputError: the model has no such landmarks.
    """
    parts = {"skin": mapper.mask}
    for part, regions in FACE_PARTS.items():
        known = [model.regions[name] for name in regions if name in model.regions]
        parts[part] = _texels_of(known, mapper)
    marks = torch.zeros_like(mapper.mask)
    marks.view(-1)[landmark_texels(model, mapper, landmark_set)] = True
    return {**parts, "landmarks": marks}


def landmark_texels(model: FaceModel, mapper: UVMapper, landmark_set: str = "ibug68") -> Tensor:
    """The chart's texel nearest to each landmark on the mean face.

    Where two parts of the surface touch on the mean face, as closed lips do, it may lie on the
    other one.

    Returns:
        (L,) int64, row * W + column; landmarks that the model lacks are left out.

    Raises:
        InputError: the model has no such landmarks.
    """
    points = model.landmark_points(model.mean[None], landmark_set)[0]
    points = points[torch.isfinite(points).all(1)]
    chart = mapper.mask.view(-1).nonzero()[:, 0]
    surface = mapper.position_map(model.mean[None])[0].flatten(1)[:, chart]
    return chart[torch.cdist(points, surface.T).argmin(1)]


def _texels_of(regions: list[Tensor], mapper: UVMapper) -> Tensor:
    if not regions:
        return torch.zeros_like(mapper.mask)
    vertices = torch.stack(regions).any(0).float()
    return (mapper.position_map(vertices[None, :, None])[0, 0] >= 0.5) & mapper.mask
