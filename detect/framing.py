"""Frames for faces that another detector has found: our own network looks at them again."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.fold_norms import fold_norms
from ..geometry.crop import EYES_TO_MOUTH
from .drawn_network import SHIPPED, FaceFinder, load_finder
from .face import Face, Frame
from .second_look import Glimpse, look_again

# The box round the 68 landmarks of an average face, seen upright, from its five points.
_SIDE = 2.04  # in distances of the eyes
_UP = 0.1  # of the way from mouth to eyes, from their middle
_LOOKS = 2  # the second one begins where the first one ended
_AWAY, _SCALED = 0.35, 1.5  # how far a frame may be from that of the points, over its side
_SURE = 0.3  # a look that is less sure frames nothing


@lru_cache(maxsize=2)
def finder(weights: Path = SHIPPED) -> FaceFinder:
    """The network of a weights file, ready to use.

    Raises:
        MissingFileError, InputError: as `load_finder`.
    """
    network = load_finder(weights)[0]
    fold_norms(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def framed(image: NDArray[np.uint8], faces: list[Face]) -> list[Face]:
    """The faces with frames, where our network sees them as well.

    Args:
        image: (H,W,3), the photograph.
        faces: in its pixels.
    """
    if not faces or not SHIPPED.is_file():
        return faces
    network = finder()
    looks: list[Glimpse | None] = [glimpse_of_points(face) for face in faces]
    for _ in range(_LOOKS):
        known = [k for k, look in enumerate(looks) if look is not None]
        again = look_again(network, image, [look for look in looks if look is not None])
        for k, look in zip(known, again, strict=True):
            looks[k] = look
    return [
        replace(face, frame=frame_of(look)) if _plausible(look, face) else face
        for face, look in zip(faces, looks, strict=True)
    ]


def _plausible(look: Glimpse | None, face: Face) -> TypeGuard[Glimpse]:
    """Whether it is the same face that was seen, and surely."""
    if look is None or look.score < _SURE:
        return False
    seen, expected = frame_of(look), frame_of(glimpse_of_points(face))
    away = math.hypot(seen.x - expected.x, seen.y - expected.y)
    return away < _AWAY * expected.side and 1 / _SCALED < seen.side / expected.side < _SCALED


def frame_of(look: Glimpse) -> Frame:
    """The frame of a second look."""
    x0, y0, x1, y1 = (float(v) for v in look.box)
    return Frame((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0), look.roll)


def glimpse_of_points(face: Face) -> Glimpse:
    """Where the box of the 68 landmarks should be, going by the five points."""
    points = face.points
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    down = mouth - eyes
    unit = max(math.dist(points[0], points[1]), float(np.linalg.norm(down)) / EYES_TO_MOUTH)
    middle, half = (eyes + mouth) / 2 - _UP * down, _SIDE * unit / 2
    return Glimpse(face.score, np.concatenate([middle - half, middle + half]), points)
