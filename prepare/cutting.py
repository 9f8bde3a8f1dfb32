"""The picture that goes into a shard: the file as it is, or a cut round the face."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.errors import InputError
from ..datasets.sample import Box
from ..datasets.shards import decode_picture

_REACH = 3.0  # side of a cut over the longer side of the landmarks' box: room for any crop
_SUFFIXES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png"}
_QUALITY = 95

Picture = NDArray[np.uint8]
Window = tuple[int, int, int, int]


def window_round(box: Box, width: int, height: int) -> Window:
    """x0, y0, x1, y1 in whole pixels of the square round a face, within the photograph."""
    half = _REACH * max(box[2] - box[0], box[3] - box[1]) / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    x0, y0 = max(0, int(x - half)), max(0, int(y - half))
    return x0, y0, min(width, int(x + half) + 1), min(height, int(y + half) + 1)


def cut_picture(picture: Picture, window: Window, size: int) -> tuple[Picture, float]:
    """The window, its longer side brought down to `size` pixels, and the scale."""
    x0, y0, x1, y1 = window
    part = picture[y0:y1, x0:x1]
    scale = min(1.0, size / max(part.shape[:2]))
    if scale == 1.0:
        return np.ascontiguousarray(part), 1.0
    shape = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return np.asarray(Image.fromarray(part).resize(shape, Image.Resampling.LANCZOS)), scale


def picture_bytes(picture: Picture, file: Path | None) -> tuple[bytes, str]:
    """Content and suffix for a shard.

    Args:
        picture: (H,W,3) uint8, upright.
        file: where it came from; its bytes are taken where a shard's reader sees the same picture
            in them: a JPEG or PNG that is not turned and has no transparent parts. None: encode.
    """
    suffix = "" if file is None else _SUFFIXES.get(file.suffix.lower(), "")
    if file is not None and suffix:
        content = file.read_bytes()
        if _shows(content, picture):
            return content, suffix
    return _encoded(picture, "JPEG", quality=_QUALITY, subsampling=0), ".jpg"


def mask_bytes(mask: Picture) -> bytes:
    """A mask (H,W) as PNG of one bit a pixel."""
    return _encoded(mask > 127, "PNG", optimize=True)


def shrunk_mask(mask: Picture, window: Window, shape: tuple[int, int]) -> Picture:
    """The window of a mask, brought to `shape` (height, width)."""
    x0, y0, x1, y1 = window
    part = Image.fromarray(mask[y0:y1, x0:x1])
    return np.asarray(part.resize(shape[::-1], Image.Resampling.BOX))


def _shows(content: bytes, picture: Picture) -> bool:
    try:
        seen = decode_picture(content, "picture", "RGB")
    except InputError:
        return False
    return bool(np.array_equal(seen, picture))


def _encoded(array: NDArray, kind: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()
