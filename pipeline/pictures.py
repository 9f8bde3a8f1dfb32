"""Pictures of a reconstruction: the overlay strip and the turntable."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..geometry.crop import Crop
from ..render.face import FaceRenderer
from ..render.overlay import Picture, draw_landmarks, strip, to_image, to_picture
from .face import ReconstructedFace, studio_light

TURNTABLE_YAWS = (-60.0, -30.0, 0.0, 30.0, 60.0)
_PANEL = 384  # pixels
_MARGIN = 1.45  # side of the overlay over the extent of the landmarks


def overlay_picture(face: ReconstructedFace, picture: NDArray[np.uint8]) -> Picture:
    """Photograph, landmarks, fitted colours over it, and bare shape over it, side by side."""
    points = torch.from_numpy(face.landmarks_68[:, :2])
    crop = _window(points[~points.isnan().any(1)])
    photo = crop.warp(to_image(picture))[0]
    cut = to_picture(photo[0])
    marks = crop.to_crop(points).numpy()
    coefficients, model = face.coefficients, face.model
    vertices = model.vertices(coefficients)
    renderer = FaceRenderer(model.faces)
    panels = [cut, draw_landmarks(cut, marks, 2)]
    for albedo, light in (
        (model.albedo(coefficients), coefficients.light),
        (torch.full_like(vertices, 0.75), studio_light()),
    ):
        camera = face.camera.moved(crop.matrix)
        seen = renderer(vertices, camera, crop.size, albedo=albedo, light=light)
        panels.append(to_picture(seen.over(photo)[0]))
    return strip(panels)


def turntable_picture(face: ReconstructedFace, size: int = _PANEL) -> Picture:
    """The textured face from five sides, above the bare shape from the same sides."""
    views = [(0.0, yaw, 0.0) for yaw in TURNTABLE_YAWS]
    rows = [strip(face.render_views(views, size, textured)) for textured in (True, False)]
    return np.concatenate(rows, 0)


def _window(points: torch.Tensor) -> Crop:
    low, high = points.min(0).values, points.max(0).values
    middle = ((low + high) / 2).tolist()
    side = float((high - low).max()) * _MARGIN
    return Crop.from_square((middle[0], middle[1] - 0.08 * side), side, _PANEL)
