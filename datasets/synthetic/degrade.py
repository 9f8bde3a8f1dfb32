"""What cameras, scanners and the web do to photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import filters
from .chance import one_of
from .filters import Image
from .jpeg import jpeg


def degrade(rng: np.random.Generator, image: Image) -> NDArray[np.uint8]:
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
