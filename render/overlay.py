"""Pictures for people: landmarks drawn on photographs, strips and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError

Picture = NDArray[np.uint8]

# The strokes of the 68 iBUG points: first, last, closed.
_STROKES = (
    (0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False),
    (36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True),
)  # fmt: skip
_JAW = 17  # the first of the 68


def to_picture(image: Tensor) -> Picture:
    """An image (3,H,W) in [0,1] as (H,W,3) uint8.

    >>> to_picture(torch.tensor([0.0, 0.5, 2.0])[:, None, None]).tolist()
    [[[0, 128, 255]]]
    """
    clipped = image.detach().clamp(0, 1).permute(1, 2, 0)
    return (clipped * 255 + 0.5).to(torch.uint8).cpu().numpy()


def to_image(picture: Picture) -> Tensor:
    """A picture (H,W,3) uint8 as an image (1,3,H,W) in [0,1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


def draw_landmarks(picture: Picture, points: NDArray[np.floating], width: int = 1) -> Picture:
    """A copy of a picture with landmarks drawn as dots; NaN is not drawn.

    Args:
        picture: (H,W,3) uint8.
        points: (L,2) pixels. 68 points, and the 51 of them that are not on the jaw, are joined by
            strokes; other numbers of points are dots alone.
        width: of strokes and dots, pixels.

    Raises:
        InputError: another shape.
    """
    from PIL import Image, ImageDraw

    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError("landmarks", "points (L,2)", str(points.shape))
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    there = ~np.isnan(points).any(1)
    for first, last, closed in _strokes(len(points)):
        stroke = [*range(first, last + 1), *([first] if closed else [])]
        for one, other in pairwise(stroke):
            if there[one] and there[other]:
                pen.line((*points[one], *points[other]), fill=(60, 220, 255), width=width)
    for x, y in points[there].tolist():
        pen.ellipse((x - width, y - width, x + width, y + width), fill=(255, 255, 255))
    return np.asarray(canvas)


def _strokes(count: int) -> list[tuple[int, int, bool]]:
    """The strokes that `count` points are joined by."""
    if count not in (68, 68 - _JAW):
        return []
    lacking = 68 - count
    return [(a - lacking, b - lacking, closed) for a, b, closed in _STROKES if a >= lacking]


def resize(picture: Picture, height: int, width: int) -> Picture:
    """A picture resampled with Lanczos' filter.

    Args:
        picture: (H,W,3) uint8.
        height: of the result, pixels.
        width: of the result, pixels.
    """
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def strip(pictures: Sequence[Picture]) -> Picture:
    """Pictures side by side, all brought to the height of the first.

    >>> strip([np.zeros((10, 6, 3), np.uint8), np.zeros((20, 10, 3), np.uint8)]).shape
    (10, 11, 3)

    Raises:
        InputError: there is no picture.
    """
    if not pictures:
        raise InputError("pictures", "at least one", "none")
    height = pictures[0].shape[0]
    scaled = [
        p if p.shape[0] == height else resize(p, height, round(p.shape[1] * height / p.shape[0]))
        for p in pictures
    ]
    return np.concatenate(scaled, 1)


def contact_sheet(pictures: Sequence[Picture], columns: int, cell: int) -> Picture:
    """Pictures fitted into square cells, row by row, on grey.

    >>> contact_sheet([np.zeros((5, 9, 3), np.uint8)] * 3, columns=2, cell=8).shape
    (16, 16, 3)

    Args:
        pictures: (H,W,3) uint8 each, of any sizes.
        columns: how many cells a row has.
        cell: side of a cell, pixels.

    Raises:
        InputError: there is no picture.
    """
    if not pictures:
        raise InputError("pictures", "at least one", "none")
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * cell, columns * cell, 3), 64, np.uint8)
    for index, picture in enumerate(pictures):
        factor = cell / max(picture.shape[:2])
        height, width = (max(1, int(n * factor)) for n in picture.shape[:2])
        top, left = index // columns * cell, index % columns * cell
        sheet[top : top + height, left : left + width] = resize(picture, height, width)
    return sheet
