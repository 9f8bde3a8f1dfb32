"""Pictures of a reconstruction: the overlay strip and the turntable."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...geometry.crop import Crop
from ...render.face import FaceRenderer
from ...render.overlay import Picture, draw_landmarks, strip, to_picture
from ..face import ReconstructedFace, SeenSegments, studio_light
from ..locate.cut import cut_tensor

TURNTABLE_YAWS = (-60.0, -30.0, 0.0, 30.0, 60.0)
_PANEL = 384  # pixels
_MARGIN = 1.45  # side of the overlay over the extent of the landmarks


_TINTS = np.array(
    [
        (0, 0, 0), (235, 170, 140), (110, 70, 40), (245, 245, 255), (40, 110, 220), (220, 60, 90),
        (255, 255, 255), (110, 10, 40), (240, 130, 190), (225, 200, 90), (150, 90, 220),
        (120, 140, 60), (40, 220, 220), (250, 140, 20), (60, 160, 90), (160, 160, 160),
    ],
    np.float32,
)  # fmt: skip
"""Colours of the classes of `geometry.segments`, in their order; background keeps its own."""


def overlay_picture(face: ReconstructedFace, picture: NDArray[np.uint8]) -> Picture:
    """What was made of a photograph, side by side.

    Photograph, landmarks, segmentation where a network has one, the textured head over the
    photograph, and the bare shape over it.
    """
    points = torch.from_numpy(face.landmarks_68[:, :2])
    crop = _window(points[~points.isnan().any(1)])
    photo = cut_tensor(picture, crop)
    cut = to_picture(photo[0])
    marks = crop.to_crop(points).numpy()
    panels = [cut, draw_landmarks(cut, marks, 2)]
    if face.segments is not None:
        panels.append(_tinted(cut, face.segments, crop))
    model, vertices = face.model, face.vertices[None]
    renderer = FaceRenderer(model.faces, model.uv, model.uv_faces)
    camera = face.camera.moved(crop.matrix)
    grey = torch.full_like(vertices, 0.75)
    for seen in (
        renderer(vertices, camera, crop.size, texture=face.texture_image[None]),
        renderer(vertices, camera, crop.size, albedo=grey, light=studio_light()),
    ):
        panels.append(to_picture(seen.over(photo)[0]))
    return strip(panels)


def turntable_picture(face: ReconstructedFace, size: int = _PANEL) -> Picture:
    """The textured face from five sides, above the bare shape from the same sides."""
    views = [(0.0, yaw, 0.0) for yaw in TURNTABLE_YAWS]
    rows = [strip(face.render_views(views, size, textured)) for textured in (True, False)]
    return np.concatenate(rows, 0)


def _tinted(cut: Picture, segments: SeenSegments, crop: Crop) -> Picture:
    """A cut photograph under the colours of what a network sees in it."""
    height, width = crop.size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    places = segments.crop.to_crop(crop.to_photo(torch.stack([x, y], -1).double()))
    grid = (2 * places / segments.crop.size[0] - 1).float()[None]
    seen = functional.grid_sample(segments.probabilities[None], grid, align_corners=False)[0]
    codes = torch.where(seen.sum(0) > 0.5, seen.argmax(0), 0).numpy()
    tinted = np.where(codes[..., None] > 0, 0.45 * cut + 0.55 * _TINTS[codes], 0.45 * cut)
    return np.asarray(tinted, np.uint8)


def _window(points: torch.Tensor) -> Crop:
    low, high = points.min(0).values, points.max(0).values
    middle = ((low + high) / 2).tolist()
    side = float((high - low).max()) * _MARGIN
    return Crop.from_square((middle[0], middle[1] - 0.08 * side), side, _PANEL)
