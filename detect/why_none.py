"""Why no face was found in a photograph: what would have to be otherwise for one to be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .face import FaceDetector

Picture = NDArray[np.uint8]
_DARK, _LIGHT = 60.0, 200.0  # mean brightness, 0..255
_WANTED = 110.0  # mean brightness of a mended one
_SMALL = 100  # pixels of the longer side
_LARGEST = 320  # pixels of the side of a square as large as what is tried
_OVER = 0.15  # of a face's box beyond the border, for a cut one
_MARGIN = 0.5  # of the longer side, added round it
_STRETCHES = (0.4, 0.6, 1.7, 2.5)  # of the width

_TOO_DARK = "It is too dark: made lighter, it shows a face. Take it in more light."
_TOO_LIGHT = "It is too light: made darker, it shows a face. Take it in less light."
_CUT = "A face seems cut by the border. Take one that shows all of it."


def likely_cause(detector: FaceDetector, picture: Picture) -> str:
    """Why a detector found no face, as far as that can be found out.

    The photograph is brought down to about 320 x 320 pixels. Then it is made lighter or darker,
    wider and narrower, and given a border, one after the other, until a face is found.

    Args:
        detector: the one that found none.
        picture: (H,W,3) uint8 RGB.

    Returns:
        The likely cause with what to do, as a sentence for people; "" where no cause is found.

    Example:
        >>> from selfie3d.detect import get_face_detector
        >>> likely_cause(get_face_detector("drawn"), np.full((64, 64, 3), 90, np.uint8))
        'It is of one colour.'
    """
    small = _brought_down(picture)
    if small.std() < 1:
        return "It is of one colour."
    for words, changed in _tries(small):
        if detector.glance(changed):
            return words
    if _is_cut(detector, small):
        return _CUT
    if max(picture.shape[:2]) < _SMALL:
        return "It is too small. Take one with more pixels."
    return "It is very dark. Take it in more light." if small.max() < _DARK else ""


def _tries(picture: Picture) -> Iterator[tuple[str, Picture]]:
    mean = float(picture.mean())
    if mean < _DARK:
        yield _TOO_DARK, _lit(picture)
    if mean > _LIGHT:
        yield _TOO_LIGHT, _lit(picture)
    height, width = picture.shape[:2]
    square = height / width
    for factor in (*_STRETCHES, *([] if 0.5 < square < 2 else [square])):
        words = f"It looks stretched: {factor:.2g} times as wide, it shows a face. Undo that."
        yield words, _resized(picture, width * factor, height)


def _is_cut(detector: FaceDetector, picture: Picture) -> bool:
    """Whether something like a face reaches over the border."""
    height, width = picture.shape[:2]
    margin = round(_MARGIN * max(height, width))
    framed = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    for face in detector.glance(framed, doubtful=True):
        x0, y0, x1, y1 = (value - margin for value in face.box)
        over = max(-x0, -y0, x1 - width, y1 - height)
        if over > _OVER * max(x1 - x0, y1 - y0):
            return True
    return False


def _brought_down(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, _LARGEST / float(np.sqrt(height * width)))
    return picture if scale == 1 else _resized(picture, width * scale, height * scale)


def _lit(picture: Picture) -> Picture:
    """Brought to a usual brightness by a power of the values, as shadows need it."""
    values = picture.astype(np.float32) / 255
    mean = min(max(float(values.mean()), 1e-4), 1 - 1e-4)
    power = np.log(_WANTED / 255) / np.log(mean)
    return np.asarray(np.rint(255 * values**power), np.uint8)


def _resized(picture: Picture, width: float, height: float) -> Picture:
    size = (max(1, round(width)), max(1, round(height)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
