"""The square crops in which faces are fitted, and those in which a network was taught them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...core.errors import InputError
from ...detect.face import Face
from ...geometry.crop import EYES_TO_MOUTH, FRAME_PER_BOX, Crop

Box = tuple[float, float, float, float]
_SMALLEST_BOX = 2.0  # pixels
_PLAUSIBLE = (0.25, 1.5)  # side of a new frame over that of the frame it was found in
_TIGHTER = 0.8  # side of a frame over that of `crop_around_points`, which has room for hair
_FACE_EXTENT = 3.6  # side of the crop over the eyes' distance: brow to chin, room for hair and yaw


def crop_around_points(points: Tensor, size: int) -> Crop:
    """The upright square round a face's five detected points.

    The scale comes from the larger of the eyes' distance and the distance from the eyes to the
    mouth, so that a turned head, whose eyes are close together in the image, is not cut.

    Args:
        points: (5,2) photograph pixels: subject's right eye, left eye, nose tip, right mouth
            corner, left mouth corner.
        size: the crop is size x size pixels.
    """
    p = points.to(torch.float64)
    eyes, mouth = p[:2].mean(0), p[3:].mean(0)
    across = p[1] - p[0]
    down = mouth - eyes
    unit = max(float(across.norm()), float(down.norm()) / EYES_TO_MOUTH)
    roll = _upright_angle(across, down)
    center = (eyes + mouth) / 2 - 0.1 * down
    return Crop.from_square((float(center[0]), float(center[1])), _FACE_EXTENT * unit, size, roll)


def _upright_angle(across: Tensor, down: Tensor) -> float:
    """Roll of the head, radians clockwise: the eyes' line and the nose's line, averaged."""
    direction = across / across.norm().clamp(min=1e-6)
    side = torch.stack([down[1], -down[0]]) / down.norm().clamp(min=1e-6)
    mean = direction * across.norm() + side * down.norm()
    return math.atan2(float(mean[1]), float(mean[0]))


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
