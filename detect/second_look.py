"""A second look at what may be a face: cut out upright and of one size, and mirrored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from .boxes import averaged
from .drawn_network import FaceFinder

Array = NDArray[Any]

_SIDE = 96  # pixels of the crop
_FACES = (0.3, 0.4)  # of it that the box takes, in two looks
_BATCH = 16
_NEAR = 0.3  # overlap with the middle of the crop from which on a find is the same face
_MIRROR_POINTS = [1, 0, 2, 4, 3]


@dataclass(frozen=True)
class Glimpse:
    """What may be a face.

    Attributes:
        score: 0..1.
        points: (5,2) pixels of the photograph.
        box: (4,) x0, y0, x1, y1 round the 68 landmarks, turned by `roll` about its own middle.
        roll: radians, clockwise in the photograph.
    """

    score: float
    box: Array
    points: Array
    roll: float = 0.0


def look_again(
    network: FaceFinder, image: NDArray[np.uint8], found: Sequence[Glimpse]
) -> list[Glimpse | None]:
    """The same faces seen upright; None where there is none any more.

    Args:
        network: in evaluation mode.
        image: (H,W,3).
        found: in its pixels.
    """
    seen: list[Glimpse | None] = []
    for start in range(0, len(found), _BATCH):
        frames = [_frame(one, share) for one in found[start : start + _BATCH] for share in _FACES]
        crops = np.stack([_cut(image, frame) for frame in frames])
        both = np.concatenate([crops, crops[:, :, ::-1]])
        batch = torch.from_numpy(both).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            out = network(batch.contiguous(memory_format=torch.channels_last))
        answers = [value.numpy().astype(np.float64) for value in out]
        looks = []
        for k, frame in enumerate(frames):
            ways = [_best(frame, *(value[n] for value in answers)) for n in (k, k + len(frames))]
            looks.append(_both_ways(ways, frame))
        count = len(_FACES)
        seen += [_mean(looks[k : k + count]) for k in range(0, len(looks), count)]
    return seen


def upright_roll(points: Array) -> float:
    """Roll of the head of five points (5,2), radians: the eyes' line and the nose's, averaged."""
    across = points[1] - points[0]
    down = points[3:].mean(0) - points[:2].mean(0)
    mean = across + np.array([down[1], -down[0]])
    return math.atan2(mean[1], mean[0])


@dataclass(frozen=True)
class _Frame:
    """A square of the photograph: middle (2,), side in pixels, roll; `face`: the box's share."""

    middle: Array
    side: float
    roll: float
    face: float

    @property
    def turn(self) -> Array:
        """Directions (2,2) of the crop, in the photograph."""
        c, s = math.cos(self.roll), math.sin(self.roll)
        return np.array([[c, -s], [s, c]])

    def to_photo(self, points: Array) -> Array:
        """Pixels (...,2) of the crop in the photograph's."""
        away = (points - _SIDE / 2) * (self.side / _SIDE)
        moved: Array = away @ self.turn.T + self.middle
        return moved


def _frame(one: Glimpse, share: float) -> _Frame:
    x0, y0, x1, y1 = one.box
    side = max(math.sqrt(max(x1 - x0, 1.0) * max(y1 - y0, 1.0)), 2.0)
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return _Frame(middle, side / share, upright_roll(one.points), share)


def _cut(image: NDArray[np.uint8], frame: _Frame) -> NDArray[np.uint8]:
    """The square as `_SIDE` pixels a side, grey outside the photograph."""
    height, width = image.shape[:2]
    corners = frame.to_photo(np.array([[0, 0], [_SIDE, 0], [0, _SIDE], [_SIDE, _SIDE]]))
    block = max(1, int(frame.side / _SIDE))
    margin = 2 * block
    low = np.clip(np.floor(corners.min(0)) - margin, 0, [width, height]).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + margin, 0, [width, height]).astype(int)
    if min(high - low) < 1:
        return np.full((_SIDE, _SIDE, 3), 128, np.uint8)
    block = min(block, *(high - low).tolist())
    part, _ = averaged(image[low[1] : high[1], low[0] : high[0]], block)
    linear = frame.turn * (frame.side / _SIDE / block)
    shift = (frame.middle - low) / block - linear @ np.full(2, _SIDE / 2)
    matrix = np.concatenate([linear, shift[:, None]], 1).ravel().tolist()
    method, how = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    cut = part.transform((_SIDE, _SIDE), method, matrix, how, fillcolor=(128, 128, 128))
    return np.asarray(cut)


def _best(
    frame: _Frame, score: Array, box: Array, points: Array
) -> tuple[float, Array, Array] | None:
    """The surest answer for the face in the middle: score, box, points, in crop pixels."""
    half = frame.face * _SIDE / 2
    low, high = _SIDE / 2 - half, _SIDE / 2 + half
    shared = np.clip(np.minimum(box[:, 2:], high) - np.maximum(box[:, :2], low), 0, None).prod(1)
    area = np.clip(box[:, 2:] - box[:, :2], 0, None).prod(1)
    overlap = shared / np.maximum(area + (2 * half) ** 2 - shared, 1e-9)
    usable = np.where(overlap >= _NEAR, score, -np.inf)
    best = int(usable.argmax())
    if not np.isfinite(usable[best]):
        return None
    return 1 / (1 + math.exp(-usable[best])), box[best], points[best]


def _both_ways(ways: Sequence[tuple[float, Array, Array] | None], frame: _Frame) -> Glimpse | None:
    """A crop and its mirror image in one, in the photograph's pixels."""
    plain, mirrored = ways
    if plain is None or mirrored is None:
        return None
    box = mirrored[1][[2, 1, 0, 3]] * [-1, 1, -1, 1] + [_SIDE, 0, _SIDE, 0]
    box = (plain[1] + box) / 2
    other = mirrored[2][_MIRROR_POINTS] * [-1, 1] + [_SIDE, 0]
    points = frame.to_photo((plain[2] + other) / 2)
    middle = frame.to_photo((box[:2] + box[2:]) / 2)
    half = (box[2:] - box[:2]) / 2 * (frame.side / _SIDE)
    score = (plain[0] + mirrored[0]) / 2
    return Glimpse(score, np.concatenate([middle - half, middle + half]), points, frame.roll)


def _mean(looks: Sequence[Glimpse | None]) -> Glimpse | None:
    """Several looks at a face in one; None if any of them saw none."""
    sure = [look for look in looks if look is not None]
    if len(sure) < len(looks):
        return None
    return Glimpse(
        float(np.mean([look.score for look in sure])),
        np.mean([look.box for look in sure], axis=0),
        np.mean([look.points for look in sure], axis=0),
        sure[0].roll,
    )
