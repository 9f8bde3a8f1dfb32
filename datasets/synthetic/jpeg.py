"""What a JPEG file does to a picture: chroma at half resolution, quantised 8 x 8 cosines.

ITU-T T.81 without the entropy coding, which loses nothing; tables K.1 and K.2, scaled with the
quality as the Independent JPEG Group's library does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import inline, kernel

# fmt: off
_LUMA = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]], np.float32)
_CHROMA = np.array([
    [17, 18, 24, 47, 99, 99, 99, 99], [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99], [47, 66, 99, 99, 99, 99, 99, 99],
    *[[99] * 8] * 4], np.float32)
# fmt: on
_COSINES = np.array(
    [
        [
            math.sqrt((1 if k else 0.5) / 4) * math.cos((2 * n + 1) * k * math.pi / 16)
            for n in range(8)
        ]
        for k in range(8)
    ],
    np.float32,
)  # fmt: skip


@inline
def _product(a: NDArray, b: NDArray, out: NDArray) -> None:
    for i in range(8):
        for j in range(8):
            out[i, j] = 0
        for k in range(8):
            for j in range(8):
                out[i, j] += a[i, k] * b[k, j]


@kernel
def _quantise(plane: NDArray, table: NDArray, cosines: NDArray) -> None:
    """Quantise the 8 x 8 blocks of a plane (8m,8n), centred on 0, in place."""
    turned = cosines.T.copy()
    block, half = np.empty((8, 8), np.float32), np.empty((8, 8), np.float32)
    for top in range(0, plane.shape[0], 8):
        for left in range(0, plane.shape[1], 8):
            _product(cosines, plane[top : top + 8, left : left + 8], half)
            _product(half, turned, block)
            for i in range(8):
                for j in range(8):
                    block[i, j] = np.rint(block[i, j] / table[i, j]) * table[i, j]
            _product(turned, block, half)
            _product(half, cosines, block)
            plane[top : top + 8, left : left + 8] = block


def _scaled(table: NDArray, quality: int) -> NDArray[np.float32]:
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((table * scale + 50) / 100), 1, 255).astype(np.float32)


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """A picture (H,W,3) after being saved with `quality` (1 to 100) and read again."""
    height, width = picture.shape[:2]
    pad = ((0, -height % 16), (0, -width % 16), (0, 0))
    r, g, b = np.moveaxis(np.pad(picture, pad, mode="edge").astype(np.float32), 2, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    planes = [luma - 128]
    for colour, factor in ((b, 0.564334), (r, 0.713267)):
        chroma = (colour - luma) * np.float32(factor)
        halves = chroma.reshape(len(chroma) // 2, 2, -1, 2)
        planes.append(halves.mean((1, 3), dtype=np.float32))
    for plane, table in zip(planes, (_LUMA, _CHROMA, _CHROMA), strict=True):
        _quantise(plane, _scaled(table, quality), _COSINES)
    luma = planes[0] + 128
    cb, cr = (np.repeat(np.repeat(p, 2, 0), 2, 1) for p in planes[1:])
    rgb = np.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], 2)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)[:height, :width]
