"""Photographs averaged over blocks of pixels, however large they are."""

from __future__ import annotations

import numpy as np
from PIL import Image

_AT_ONCE = 4_000_000  # pixels that are averaged at once


def averaged(image: np.ndarray, block: int) -> tuple[Image.Image, tuple[int, int]]:
    """The means of blocks of block x block pixels, and what part of the image they are of.

    It is made strip by strip, as Pillow copies what it is given.

    Args:
        image: (H,W,3) uint8; may be a view in any order.
        block: 1 or more; larger than the image counts as its shorter side.

    Returns:
        The picture, and (width, height) of the part: what is left over at the right and lower
        border, less than a block, is left out.
    """
    height, width = image.shape[:2]
    block = max(1, min(block, height, width))
    if block == 1:
        return Image.fromarray(np.ascontiguousarray(image)), (width, height)
    width, height = width // block * block, height // block * block
    rows = max(1, _AT_ONCE // (width * block)) * block
    strips = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[y : min(y + rows, height), :width])).reduce(
                block
            )
        )
        for y in range(0, height, rows)
    ]
    return Image.fromarray(np.concatenate(strips)), (width, height)
