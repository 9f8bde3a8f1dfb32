"""Best and worst faces with predicted and true landmarks drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.crop import Crop
from ...geometry.cut import cut_out
from ...render.overlay import contact_sheet, to_picture
from .report import Picture

Array = NDArray[np.float64]
_CELL, _COLUMNS, _MARGIN = 220, 4, 1.35
_PREDICTED, _TRUE = (255, 80, 220), (90, 255, 90)
_LEGEND = "Magenta: predicted. Green: true."


@dataclass(frozen=True)
class DrawnFace:
    """One face to draw.

    Attributes:
        name: of the image.
        error: in percent.
        predicted: (K,2) in our pixels.
        truth: (K,2) in our pixels; NaN rows are not drawn.
        photograph: reads RGB (H,W,3) uint8, or None where there is no photograph.
    """

    name: str
    error: float
    predicted: Array
    truth: Array
    photograph: Callable[[], NDArray[np.uint8]] | None


def best_and_worst(
    face: Callable[[int], DrawnFace], errors: Array, title: str, number: int = 12
) -> list[Picture]:
    """Two contact sheets: the best and the worst faces of those that did not fail.

    Args:
        face: gives what to draw of a row.
        errors: (N,) percent; NaN: failed, not drawn.
        title: what the error is.
        number: of faces on a sheet.
    """
    order = np.argsort(errors)[: int((~np.isnan(errors)).sum())].tolist()
    if not order or not number:
        return []
    parts = {"best": order[:number], "worst": order[::-1][:number]}
    return [
        _sheet(f"The {len(p)} {word} by {title}", [face(r) for r in p]) for word, p in parts.items()
    ]


def draw_face(face: DrawnFace) -> NDArray[np.uint8]:
    """The face cut out, upscaled, with both sets of points and its name."""
    from PIL import Image, ImageDraw

    seen = face.truth[~np.isnan(face.truth).any(1)]
    low, high = seen.min(0), seen.max(0)
    x, y = ((low + high) / 2).tolist()
    crop = Crop.from_square((x, y), float((high - low).max()) * _MARGIN, _CELL)
    image = Image.fromarray(_background(face, crop))
    pen = ImageDraw.Draw(image)
    for points, colour in ((face.truth, _TRUE), (face.predicted, _PREDICTED)):
        for u, v in _into(points, crop):
            pen.ellipse((u - 1.7, v - 1.7, u + 1.7, v + 1.7), fill=colour)
    label = f"{face.name.removesuffix('.jpg')}  {face.error:.2f} %"
    pen.rectangle((0, 0, _CELL, 13), fill=(0, 0, 0))
    pen.text((3, 1), label, fill=(255, 255, 255))
    return np.asarray(image)


def _sheet(title: str, faces: Sequence[DrawnFace]) -> Picture:
    sheet = contact_sheet([draw_face(face) for face in faces], _COLUMNS, _CELL)
    return Picture(title, sheet, _LEGEND)


def _background(face: DrawnFace, crop: Crop) -> NDArray[np.uint8]:
    if face.photograph is None:
        return np.full((_CELL, _CELL, 3), 60, np.uint8)
    return to_picture(cut_out(face.photograph(), crop.matrix, crop.size)[0])


def _into(points: Array, crop: Crop) -> list[list[float]]:
    import torch

    moved = crop.to_crop(torch.from_numpy(points[~np.isnan(points).any(1)])).numpy()
    return (moved - 0.5).tolist()  # Pillow draws from pixel centres at whole numbers
