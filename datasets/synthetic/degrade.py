"""What cameras, scanners, JPEG files and the web do to photographs.

JPEG is ITU-T T.81 without the entropy coding, which loses nothing: chroma at half resolution and
quantised 8 x 8 cosines, by tables K.1 and K.2, which are scaled with the quality as the Independent
JPEG Group's library does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from . import filters
from .chance import one_of
from .filters import Image

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


@inline
def _quantise(plane: NDArray, table: NDArray, cosines: NDArray) -> None:
    """Quantise the 8 x 8 blocks of a plane (8m,8n), centred on 0, in place."""
    turned = cosines.T.copy()
    source = np.empty((8, 8), np.float32)
    block, half = np.empty((8, 8), np.float32), np.empty((8, 8), np.float32)
    for top in range(0, plane.shape[0], 8):
        for left in range(0, plane.shape[1], 8):
            source[:] = plane[top : top + 8, left : left + 8]
            _product(cosines, source, half)
            _product(half, turned, block)
            for i in range(8):
                for j in range(8):
                    block[i, j] = np.rint(block[i, j] / table[i, j]) * table[i, j]
            _product(turned, block, half)
            _product(half, cosines, block)
            plane[top : top + 8, left : left + 8] = block


@inline
def _split(picture: NDArray, luma: NDArray, chroma: NDArray) -> None:
    """Luma (H,W), centred on 0, and chroma (2,H/2,W/2); the picture's border continues."""
    last, end = picture.shape[0] - 1, picture.shape[1] - 1
    chroma[:] = 0
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            pixel = picture[min(y, last), min(x, end)]
            r, g, b = np.float32(pixel[0]), np.float32(pixel[1]), np.float32(pixel[2])
            light = np.float32(0.299) * r + np.float32(0.587) * g + np.float32(0.114) * b
            luma[y, x] = light - np.float32(128)
            chroma[0, y // 2, x // 2] += np.float32(0.25 * 0.564334) * (b - light)
            chroma[1, y // 2, x // 2] += np.float32(0.25 * 0.713267) * (r - light)


@inline
def _byte(value: np.float32) -> np.uint8:
    return np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))


@kernel
def _through_file(
    picture: NDArray, tables: NDArray, cosines: NDArray, luma: NDArray, chroma: NDArray,
    out: NDArray,
) -> None:  # fmt: skip
    _split(picture, luma, chroma)
    _quantise(luma, tables[0], cosines)
    for plane in chroma:
        _quantise(plane, tables[1], cosines)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            light = luma[y, x] + np.float32(128)
            cb, cr = chroma[0, y // 2, x // 2], chroma[1, y // 2, x // 2]
            green = np.float32(0.344136) * cb + np.float32(0.714136) * cr
            out[y, x, 0] = _byte(light + np.float32(1.402) * cr)
            out[y, x, 1] = _byte(light - green)
            out[y, x, 2] = _byte(light + np.float32(1.772) * cb)


def _scaled(table: NDArray, quality: int) -> NDArray[np.float32]:
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((table * scale + 50) / 100), 1, 255).astype(np.float32)


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """A picture (H,W,3) after being saved with `quality` (1 to 100) and read again."""
    height, width = (-(-side // 16) * 16 for side in picture.shape[:2])
    luma = np.empty((height, width), np.float32)
    chroma = np.empty((2, height // 2, width // 2), np.float32)
    tables = np.stack([_scaled(_LUMA, quality), _scaled(_CHROMA, quality)])
    out = np.empty(picture.shape, np.uint8)
    _through_file(np.ascontiguousarray(picture), tables, _COSINES, luma, chroma, out)
    return out


def degrade_picture(rng: np.random.Generator, image: Image) -> NDArray[np.uint8]:
    """A picture (H,W,3) in [0,1] after a camera, an editor and a file, as uint8."""
    image = _colours(rng, _light(rng, image))
    image = _sharpness(rng, image)
    if rng.random() < 0.4:
        channels = 3 if rng.random() < 0.5 else 1
        grain = rng.standard_normal((*image.shape[:2], channels), dtype=np.float32)
        if rng.random() < 0.4:
            grain = 1.7 * filters.blur(grain, 0.6)
        strength = rng.uniform(0.003, 0.016) * np.exp(abs(rng.normal()) * 0.6)
        image = image + grain * np.float32(strength)
    picture = to_bytes(image)
    if rng.random() < 0.55:
        picture = jpeg(picture, int(rng.uniform(25, 95)))
    return picture


def to_bytes(image: Image) -> NDArray[np.uint8]:
    """A picture in [0,1] as uint8, clipped and rounded."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _light(rng: np.random.Generator, image: Image) -> Image:
    """Uneven light, exposure, contrast."""
    if rng.random() < 0.25:
        image = image * (1 + 0.25 * filters.smooth_noise(rng, len(image), 3))
    if rng.random() < 0.06:  # vignette
        y, x = np.mgrid[: len(image), : len(image)] / len(image) - 0.5
        image = image * (1 - rng.uniform(0.5, 1.6) * (x**2 + y**2))[..., None]
    if rng.random() < 0.6:
        image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.6:
        middle = image.mean()
        contrast = np.float32(np.exp(rng.normal(0.22, 0.25)))
        image = (image - middle) * contrast + middle + np.float32(rng.normal(0, 0.05))
    if rng.random() < 0.06:  # over- or underexposed
        image = image * np.float32(one_of(rng, (rng.uniform(0.25, 0.6), rng.uniform(1.5, 2.5))))
    return image.astype(np.float32, copy=False)


def _colours(rng: np.random.Generator, image: Image) -> Image:
    """White balance, saturation, black and white, old prints."""
    if rng.random() < 0.5:
        image = image * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    grey = (image @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
    kind = rng.random()
    if kind < 0.16:
        tint = np.ones(3) if rng.random() < 0.75 else np.exp(rng.normal(0, 0.12, 3))
        return (grey * tint).astype(np.float32)
    if kind < 0.5:
        return grey + (image - grey) * np.float32(rng.uniform(0.3, 1.45))
    return image


def _sharpness(rng: np.random.Generator, image: Image) -> Image:
    """Out of focus, enlarged, shaken, or sharpened."""
    kind, size = rng.random(), len(image)
    if kind < 0.16:
        return filters.blur(image, rng.uniform(0.3, 1.3))
    if kind < 0.3:
        small = int(size * rng.uniform(0.3, 0.9))
        image = filters.resize(image, small, small, "area")
        return filters.resize(image, size, size, "linear" if rng.random() < 0.5 else "cubic")
    if kind < 0.34:
        return _shaken(rng, image)
    if kind < 0.64:
        return image + (image - filters.blur(image, 1.0)) * np.float32(rng.uniform(0.2, 1.2))
    return image


def _shaken(rng: np.random.Generator, image: Image) -> Image:
    length, angle = rng.uniform(2, 6), rng.uniform(0, np.pi)
    steps = np.linspace(-0.5, 0.5, 5) * length
    total = np.zeros_like(image)
    for step in steps:
        shift = np.array([[1, 0, step * np.cos(angle)], [0, 1, step * np.sin(angle)]])
        total += filters.warp(image, shift, len(image))
    return total / np.float32(len(steps))


def draw_border(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cut one or two sides of a picture off, black or flat, in place; returns what is left."""
    size = len(picture)
    left = np.ones((size, size), bool)
    kind = rng.random()
    colour = 0 if kind < 0.8 else 255 if kind < 0.92 else rng.integers(0, 256, 3)
    for _ in range(int(rng.integers(1, 3))):
        deep = int(rng.uniform(0.06, 0.34) * size)
        side = rng.integers(4)
        window = (slice(0, deep), slice(size - deep, size))[side % 2]
        where = (window, slice(None)) if side < 2 else (slice(None), window)
        picture[where] = colour
        left[where] = False
    return left
