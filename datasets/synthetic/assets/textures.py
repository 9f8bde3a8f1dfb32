"""Pictures of assets: RGBA of a bounded size, with sensible colours where nothing is seen."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....core.errors import InputError
from ....core.given_file import open_given
from ....core.image_file import opened_image
from ....core.picture_limits import openable

Array = NDArray[Any]

MAX_SIDE = 8192  # pixels: 270 MB while it is read
_FAINT = 32  # of 255: below, the colour is made of few steps


def read_texture(path: Path, side: int) -> NDArray[np.uint8]:
    """A picture (h,w,4), sRGB and alpha not multiplied in, row 0 at the top.

    It is scaled down, with alpha multiplied in, until its longer side has at most `side` pixels.
    Where it is transparent it has the colours of what is seen nearby, so that sampling between
    pixels brings in no others.

    Raises:
        InputError: unreadable, no picture, damaged, or larger than `MAX_SIDE` either way; nothing
            is decoded before its size is known.
    """
    name = str(path)
    with warnings.catch_warnings():  # odd metadata
        warnings.simplefilter("ignore")
        with (
            open_given(path, "a picture") as file,
            opened_image(name, file, _known()) as image,
        ):
            _check(path, image)
            picture = image.convert("RGBA")
    scale = side / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(length * scale)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)  # multiplies alpha in
    return fill_unseen(np.array(picture))


def _known() -> list[str]:
    """The formats of photographs, and TGA, which old assets use."""
    return [*(known.pillow for known in openable()), "TGA"]


def _check(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if max(width, height) > MAX_SIDE:
        expected = f"a picture of at most {MAX_SIDE} x {MAX_SIDE} pixels"
        raise InputError(str(path), expected, f"{width} x {height}", "Scale it down.")
    if image.mode[0] in "IF":
        raise InputError(str(path), "8 bits per channel", f"mode {image.mode}", "Convert it.")


def fill_unseen(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (h,w,4) with colours of the surroundings where alpha is next to nothing."""
    alpha = picture[..., 3]
    faint = alpha < _FAINT
    if not faint.any() or alpha.max() < _FAINT:
        return picture
    weight = np.where(faint, 0, alpha)[..., None].astype(np.float32)
    filled = _filled(picture[..., :3] * weight, weight)
    out = picture.copy()
    out[..., :3][faint] = np.clip(filled[faint] + 0.5, 0, 255).astype(np.uint8)
    return out


def _filled(colour: Array, weight: Array) -> Array:
    """Mean colours; where nothing has weight, those of a picture half the size."""
    there = weight > 0
    mean = colour / np.maximum(weight, 1e-6)
    if there.all() or max(weight.shape) == 1:
        return mean
    coarse = _filled(_halved(colour), _halved(weight))
    height, width = weight.shape[:2]
    doubled = coarse.repeat(2, 0).repeat(2, 1)[:height, :width]
    return np.where(there, mean, doubled)


def _halved(values: Array) -> Array:
    """Sums over 2 x 2 pixels."""
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels).sum((1, 3))
