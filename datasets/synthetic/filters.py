"""Image operations on float32 pictures (H,W,C): blur, resampling, noise, colour coding.

Written out for numba so that a training machine needs no image library, and so that the same seed
gives the same bytes whatever versions are installed.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel

Image = NDArray[np.float32]


@kernel
def _weigh_rows(rows: NDArray, first: NDArray, weights: NDArray, out: NDArray) -> None:
    """out[r] = sum over k of weights[r,k] rows[clamped first[r]+k], rows (N,M)."""
    last = rows.shape[0] - 1
    for r in range(out.shape[0]):
        out[r] = 0
        for k in range(weights.shape[1]):
            source = min(max(first[r] + k, 0), last)
            weight = weights[r, k]
            if weight != 0:
                for c in range(rows.shape[1]):
                    out[r, c] += weight * rows[source, c]


def _along_rows(image: Image, first: NDArray, weights: NDArray) -> Image:
    height, width, channels = image.shape
    flat = np.ascontiguousarray(image).reshape(height, width * channels)
    out = np.empty((len(first), width * channels), np.float32)
    _weigh_rows(flat, first, weights, out)
    return out.reshape(len(first), width, channels)


def _both_ways(image: Image, rows: tuple[NDArray, NDArray], cols: tuple[NDArray, NDArray]) -> Image:
    image = _along_rows(image.astype(np.float32, copy=False), *rows)
    return _along_rows(image.transpose(1, 0, 2), *cols).transpose(1, 0, 2)


@kernel
def _blur(rows: NDArray, taps: NDArray, step: int, out: NDArray) -> None:
    """Blur rows (H,W*step) of pixels with `step` channels downwards, then across."""
    height, width = rows.shape
    reach = len(taps) // 2
    line, total = np.empty(width + 2 * reach * step, np.float32), np.empty(width, np.float32)
    for r in range(height):
        total[:] = 0
        for k in range(len(taps)):
            source, weight = rows[min(max(r + k - reach, 0), height - 1)], taps[k]
            for c in range(width):
                total[c] += weight * source[c]
        line[reach * step : reach * step + width] = total
        for c in range(reach * step):
            line[c] = total[c % step]
            line[len(line) - 1 - c] = total[width - 1 - c % step]
        total[:] = 0
        for k in range(len(taps)):
            part, weight = line[k * step : k * step + width], taps[k]
            for c in range(width):
                total[c] += weight * part[c]
        out[r] = total


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur with `sigma` pixels; the border continues outwards."""
    reach = max(1, math.ceil(2.5 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    height, width, channels = image.shape
    rows = np.ascontiguousarray(image, np.float32).reshape(height, width * channels)
    out = np.empty_like(rows)
    _blur(rows, taps, channels, out)
    return out.reshape(image.shape)


@lru_cache(256)
def _taps(size: int, new: int, kind: str) -> tuple[NDArray, NDArray]:
    """Filter taps of resampling `size` samples to `new`."""
    step = size / new
    wide = max(step, 1.0)
    reach = {"area": 0.5, "linear": 1.0, "cubic": 2.0}[kind] * wide + (0.5 if kind == "area" else 0)
    centre = (np.arange(new) + 0.5) * step - 0.5
    first = np.ceil(centre - reach).astype(np.int64)
    place = first[:, None] + np.arange(int(2 * reach) + 1)[None] - centre[:, None]
    t = np.abs(place) / wide
    if kind == "area":
        half = wide / 2
        weights = np.clip(np.minimum(place + 0.5, half) - np.maximum(place - 0.5, -half), 0, None)
    elif kind == "linear":
        weights = np.clip(1 - t, 0, None)
    else:
        near, far = (1.5 * t - 2.5) * t**2 + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2
        weights = np.where(t < 1, near, np.where(t < 2, far, 0))
    return first, (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resize(image: Image, height: int, width: int, kind: str = "cubic") -> Image:
    """Resample to (height, width) by "area", "linear" or "cubic", widened where it shrinks."""
    rows, cols = _taps(image.shape[0], height, kind), _taps(image.shape[1], width, kind)
    return _both_ways(image, rows, cols)


def smooth_noise(rng: np.random.Generator, size: int, cells: int, channels: int = 1) -> Image:
    """Normal noise (size,size,channels) that varies over size / cells pixels."""
    grid = rng.standard_normal((cells, cells, channels), dtype=np.float32)
    return resize(grid, size, size, "cubic" if cells < size else "area")


@kernel
def _warp(image: NDArray, matrix: NDArray, out: NDArray) -> None:
    height, width = image.shape[0], image.shape[1]
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            x = matrix[0, 0] * (c + 0.5) + matrix[0, 1] * (r + 0.5) + matrix[0, 2] - 0.5
            y = matrix[1, 0] * (c + 0.5) + matrix[1, 1] * (r + 0.5) + matrix[1, 2] - 0.5
            if not (0 <= x < width - 1.001 and 0 <= y < height - 1.001):
                x, y = abs(x) % (2 * width), abs(y) % (2 * height)
                x = min(max(x if x < width else 2 * width - x, 0.0), width - 1.001)
                y = min(max(y if y < height else 2 * height - y, 0.0), height - 1.001)
            i, j = int(y), int(x)
            fy, fx = np.float32(y - i), np.float32(x - j)
            for k in range(image.shape[2]):
                top = image[i, j, k] + fx * (image[i, j + 1, k] - image[i, j, k])
                low = image[i + 1, j, k] + fx * (image[i + 1, j + 1, k] - image[i + 1, j, k])
                out[r, c, k] = top + fy * (low - top)


def warp(image: Image, matrix: NDArray, size: int) -> Image:
    """Bilinear look-up at matrix (2,3) times the pixel positions of the result; mirrored outside.

    Args:
        image: (H,W,C), at least 2 x 2.
        matrix: from (x, y, 1) of the result to (x, y) of the image, both with centres at +0.5.
        size: side of the square result.
    """
    out = np.empty((size, size, image.shape[2]), np.float32)
    _warp(np.ascontiguousarray(image, np.float32), np.asarray(matrix, np.float64), out)
    return out


def to_linear(colour: NDArray) -> NDArray[np.float32]:
    """sRGB-coded values in [0,1] as linear light (IEC 61966-2-1)."""
    low = colour / 12.92
    high = ((np.maximum(colour, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(colour <= 0.04045, low, high).astype(np.float32)


def to_srgb(light: NDArray) -> NDArray[np.float32]:
    """Linear light in [0,1], sRGB-coded; the inverse of `to_linear`."""
    high = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, high).astype(np.float32)
