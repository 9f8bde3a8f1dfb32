"""What a clip's overlay shows: the faces' shapes and landmarks over each frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from ...facemodels import load_face_model
from ...geometry.face_model import SHIPPED_MODELS, FaceModel
from ...render.overlay import draw_landmarks
from ...render.pictures import draw_pictures
from ..studio import bare_layer, renderer_of
from .moment import Moment

_OPACITY = 0.55
_EDGE = 4  # pixels beside the face that are drawn


def paint(
    picture: NDArray[np.uint8], people: Sequence[Moment], model: FaceModel
) -> NDArray[np.uint8]:
    """A frame with its faces drawn over it.

    Args:
        picture: the frame (H,W,3).
        people: in it.
        model: the face model; of the shipped head its face alone is drawn.
    """
    shown = picture.copy()
    for one in people:
        _lay_over(shown, one, _mask() if model.name in SHIPPED_MODELS else model)
    for one in people:
        shown = draw_landmarks(shown, one.landmarks(model)[:, :2])
    return shown


@cache
def _mask() -> FaceModel:
    return load_face_model("default-face")


@torch.no_grad()
def _lay_over(picture: NDArray[np.uint8], one: Moment, model: FaceModel) -> None:
    """Draw a shape over the part of a frame where it is."""
    vertices, camera = model.vertices(one.coefficients), one.camera
    places = camera.project(vertices)[0, :, :2].numpy()
    (left, top), (right, bottom) = places.min(0) - _EDGE, places.max(0) + _EDGE
    height, width = picture.shape[:2]
    x0, y0 = max(int(left), 0), max(int(top), 0)
    x1, y1 = min(int(right) + 1, width), min(int(bottom) + 1, height)
    if x1 <= x0 or y1 <= y0:
        return
    part = picture[y0:y1, x0:x1]
    seen = camera.moved(torch.tensor([[1.0, 0.0, -x0], [0.0, 1.0, -y0]]))
    renderer = renderer_of(model)
    layer = bare_layer(renderer, vertices, seen)
    ground = np.ascontiguousarray(part, np.float32) / np.float32(255)
    clip = seen.to_clip(vertices, (y1 - y0, x1 - x0))
    drawn = draw_pictures(clip, renderer.triangles, (layer,), ground, samples=1)[0][0]
    mixed = _OPACITY * drawn.astype(np.float32) + (1 - _OPACITY) * part
    part[:] = (mixed + 0.5).astype(np.uint8)
