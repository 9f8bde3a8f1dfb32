"""Pictures of a reconstruction: the overlay strip and the turntable."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...geometry.crop import Crop
from ...render.overlay import Picture, draw_landmarks, strip, to_picture
from ...render.pictures import draw_pictures
from ..face import ReconstructedFace, SeenSegments
from ..locate.cut import cut_tensor
from ..studio import bare_layer, renderer_of, textured_layer

TURNTABLE_YAWS = (-60.0, -30.0, 0.0, 30.0, 60.0)
PANEL = 384
"""Pixels of the side of each picture in the overlay strip."""
_MARGIN = 1.45  # side of the overlay over the extent of the landmarks


TINTS = np.array(
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
    crop = window_of(points[~points.isnan().any(1)])
    photo = cut_tensor(picture, crop)
    cut = to_picture(photo[0])
    marks = crop.to_crop(points).numpy()
    panels = [cut, draw_landmarks(cut, marks, 2)]
    if face.segments is not None:
        panels.append(tinted_picture(cut, face.segments, crop))
    renderer, vertices = renderer_of(face.model), face.vertices[None]
    camera = face.camera.moved(crop.matrix)
    clip = camera.to_clip(vertices, crop.size)
    layers = (
        textured_layer(renderer, to_picture(face.texture_image)),
        bare_layer(renderer, vertices, camera),
    )
    ground = np.ascontiguousarray(photo[0].permute(1, 2, 0).numpy())
    shown = draw_pictures(clip, renderer.triangles, layers, ground)
    return strip([*panels, *(picture for (picture,) in shown)])


def turntable_picture(face: ReconstructedFace, size: int = PANEL) -> Picture:
    """The textured face from five sides, above the bare shape from the same sides."""
    views = [(0.0, yaw, 0.0) for yaw in TURNTABLE_YAWS]
    return np.concatenate([strip(row) for row in face.turntable(views, size)], 0)


def tinted_picture(cut: Picture, segments: SeenSegments, crop: Crop) -> Picture:
    """A cut photograph under the colours of what a network sees in it.

    Args:
        cut: (s,s,3) uint8, what `crop` shows of the photograph.
        segments: what the network saw in the photograph.
        crop: where in the photograph the cut lies.
    """
    height, width = crop.size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    places = segments.crop.to_crop(crop.to_photo(torch.stack([x, y], -1).double()))
    grid = (2 * places / segments.crop.size[0] - 1).float()[None]
    seen = functional.grid_sample(segments.probabilities[None], grid, align_corners=False)[0]
    codes = torch.where(seen.sum(0) > 0.5, seen.argmax(0), 0).numpy()
    tinted = np.where(codes[..., None] > 0, 0.45 * cut + 0.55 * TINTS[codes], 0.45 * cut)
    return np.asarray(tinted, np.uint8)


def window_of(points: torch.Tensor, wider: float = 1.0) -> Crop:
    """The square round landmarks (N,2) of a photograph that the overlay's panels show.

    Args:
        points: photograph pixels.
        wider: side over that of the overlay's.
    """
    low, high = points.min(0).values, points.max(0).values
    middle = ((low + high) / 2).tolist()
    side = float((high - low).max()) * _MARGIN * wider
    return Crop.from_square((middle[0], middle[1] - 0.08 * side), side, PANEL)
