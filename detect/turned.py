"""Photographs turned by quarters, and what is found in them turned back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from .face import Face, Frame

S = TypeVar("S")
_TURNS = (1, 3, 2)  # quarters anticlockwise


def find_any_way_up(
    image: np.ndarray,
    search: Callable[[np.ndarray, S], list[Face]],
    upright: Sequence[S],
    *,
    sideways: S,
    sure: float,
    more: float = 0.0,
    glance: Callable[[Face], S] | None = None,
) -> list[Face]:
    """The faces of a photograph that may lie on its side or upside down.

    Args:
        image: (H,W,3).
        search: finds faces in an image, by one of the following.
        upright: tried in turn until one finds something.
        sideways: for the turned photograph.
        sure: score of the best face from which on the photograph counts as upright; else a face
            that lies on its side may have been taken for an odd upright one.
        more: what the best face of a turned photograph must have over that of the upright one.
        glance: for the turned photograph where a doubtful face was found: a quicker search for
            faces of about its size; where that finds a better one, `sideways` finds the others.
    """
    faces: list[Face] = []
    for one in upright:
        faces = search(image, one)
        if faces:
            break
    if best_score(faces) >= sure:
        return faces
    best = max(faces, key=lambda face: face.score, default=None)
    quick = sideways if glance is None or best is None else glance(best)

    def attempt(turn: int, how: S) -> list[Face]:
        found = search(np.rot90(image, turn), how)
        return [turn_back(face, turn, image.shape) for face in found]

    turned = {turn: attempt(turn, quick) for turn in _TURNS}
    turn = max(_TURNS, key=lambda turn: best_score(turned[turn]))
    if best_score(turned[turn]) <= best_score(faces) + more:
        return faces
    return turned[turn] if quick is sideways else attempt(turn, sideways)


def best_score(faces: list[Face]) -> float:
    """The largest score, 0 without a face."""
    return max((face.score for face in faces), default=0.0)


def turn_back(face: Face, turn: int, shape: tuple[int, ...]) -> Face:
    """A face of an image turned by `turn` quarters anticlockwise, in the photograph.

    Args:
        face: in pixels of the turned image.
        shape: of the photograph, (H,W,...).
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
