"""The square crops in which a network sees faces, as training framed them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.errors import InputError
from ..detect.face import Face
from ..geometry.crop import FRAME_PER_BOX, Crop
from .crop import crop_around_points

Box = tuple[float, float, float, float]
_SMALLEST_BOX = 2.0  # pixels
_PLAUSIBLE = (0.25, 1.5)  # side of a new frame over that of the frame it was found in
_TIGHTER = (
    0.8  # side of a frame over the side of pipeline/crop.py's square, which has room for hair
)


def frame_of_box(box: Box, size: int) -> Crop:
    """The square crop round a box of landmarks.

    Args:
        box: (x0,y0,x1,y1) photograph pixels, tight round the 68 landmarks.
        size: the crop is size x size pixels.

    Raises:
        InputError: a box without area.
    """
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    if not (longer >= _SMALLEST_BOX and math.isfinite(longer)):
        raise InputError("box", f"a side of at least {_SMALLEST_BOX:g} pixels", str(box))
    return Crop.from_square(((x0 + x1) / 2, (y0 + y1) / 2), longer * FRAME_PER_BOX, size)


def frame_of_points(points: Tensor, size: int) -> Crop:
    """About the same square, from a detector's five points, with the face upright in it.

    Args:
        points: (5,2) eyes, nose and corners of the mouth, photograph pixels.
        size: the crop is size x size pixels.
    """
    loose = crop_around_points(points, size)
    shift = torch.full((2, 1), size / 2 * (1 - 1 / _TIGHTER))
    return _compose(torch.cat([torch.eye(2) / _TIGHTER, shift], 1), loose)


def frame_of_face(face: Face, size: int) -> Crop:
    """The square crop of a detected face, upright: of its own frame, else of its five points."""
    own = face.frame
    if own is None:
        return frame_of_points(torch.as_tensor(face.points, dtype=torch.float64), size)
    side = max(own.side, _SMALLEST_BOX) * FRAME_PER_BOX
    return Crop.from_square((own.x, own.y), side, size, own.roll)


def tight_frame(points: Tensor, crop: Crop) -> Crop:
    """The frame round landmarks (L,2), photograph pixels, that were found in `crop`.

    It keeps the crop's roll; an implausible find keeps the crop.
    """
    inside = crop.to_crop(points.double())
    (x0, y0), (x1, y1) = inside.amin(0).tolist(), inside.amax(0).tolist()
    size = crop.size[0]
    ratio = max(x1 - x0, y1 - y0) * FRAME_PER_BOX / size
    if not _PLAUSIBLE[0] <= ratio <= _PLAUSIBLE[1]:
        return crop
    return _compose(frame_of_box((x0, y0, x1, y1), size).matrix, crop)


def _compose(outer: Tensor, crop: Crop) -> Crop:
    """The crop whose map is `outer` (2,3), within the crop's pixels, after the crop's own."""
    turn, shift = outer[:, :2].double(), outer[:, 2:].double()
    linear, move = crop.matrix[:, :2], crop.matrix[:, 2:]
    return Crop(torch.cat([turn @ linear, turn @ move + shift], 1), crop.size)
