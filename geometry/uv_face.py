"""Parts of the face on a UV chart, as masks of texels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import InputError
from .face_model import FaceModel
from .uv import UVMapper

FACE_PARTS: dict[str, tuple[str, ...]] = {
    "eyes": ("eyelids", "brows"),
    "nose": ("nose",),
    "mouth": ("lips",),
    "neck": ("neck",),
}
"""Which regions of a face model make up a part; regions that it lacks are left out."""
_REMEDY = (
    "Basel models converted by `selfie3d model convert` have them, others by arrays region_NAME in "
    "their .npz (docs/face_model_format.md); or leave the part out of loss.weights."
)


def require_parts(model: FaceModel, parts: Sequence[str]) -> None:
    """Refuse parts that a face model does not say where they are.

    Raises:
        InputError: a part of `FACE_PARTS` of which the model has not one region.
    """
    for part in parts:
        regions = FACE_PARTS.get(part, ())
        if regions and not any(name in model.regions for name in regions):
            known = ", ".join(sorted(model.regions)) or "no regions"
            expected = f"a face model with the region {' or '.join(regions)}"
            raise InputError(f"loss.weights: {part}", expected, f"{model.name}: {known}", _REMEDY)


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
