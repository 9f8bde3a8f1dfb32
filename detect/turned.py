"""Photographs turned by quarters, and what is found in them turned back."""

from __future__ import annotations

import math

import numpy as np

from .face import Face, Frame


def best_score(faces: list[Face]) -> float:
    """The largest score, 0 without a face."""
    return max((face.score for face in faces), default=0.0)


def turn_back(face: Face, turn: int, shape: tuple[int, ...]) -> Face:
    """A face of an image turned by `turn` quarters anticlockwise, in the photograph.

    Args:
        face: in pixels of the turned image. shape: of the photograph, (H,W,...).
    """
    height, width = shape[:2]
    corners = _turn_points(np.array(face.box).reshape(2, 2), turn, height, width)
    x0, y0, x1, y1 = (float(v) for v in (*corners.min(axis=0), *corners.max(axis=0)))
    points = _turn_points(face.points, turn, height, width)
    return Face((x0, y0, x1, y1), face.score, points, _frame(face.frame, turn, height, width))


def _frame(frame: Frame | None, turn: int, height: int, width: int) -> Frame | None:
    if frame is None:
        return None
    middle = _turn_points(np.array([[frame.x, frame.y]]), turn, height, width)[0]
    roll = math.remainder(frame.roll + turn * math.pi / 2, 2 * math.pi)
    return Frame(float(middle[0]), float(middle[1]), frame.side, roll)


def _turn_points(points: np.ndarray, turn: int, height: int, width: int) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    if turn == 1:
        x, y = width - y, x
    elif turn == 2:
        x, y = width - x, height - y
    elif turn == 3:
        x, y = y, height - x
    return np.stack([x, y], axis=1)
