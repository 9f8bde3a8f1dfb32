"""The square crop of a photograph in which a face is fitted."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.crop import EYES_TO_MOUTH, Crop

# The five points of an upright average face, in units of the distance between the eyes, relative
# to their mean: subject's right eye, left eye, nose tip, right and left mouth corner.
_FACE_EXTENT = 3.6  # side of the crop in those units: brow to chin with room for hair and yaw


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


def resized(image: Tensor, side: int) -> Tensor:
    """A square image (B,C,S,S) at another size, averaged where it shrinks."""
    return functional.interpolate(
        image, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
