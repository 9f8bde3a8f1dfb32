"""Image operations on float32 pictures (H,W,C): blur, resampling, noise, masks of shapes.

Written out for numba so that a training machine needs no image library, and so that the same seed
gives the same bytes whatever versions are installed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel

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


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur with `sigma` pixels; the border continues outwards."""
    reach = max(1, math.ceil(2.5 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)

    def table(size: int) -> tuple[NDArray, NDArray]:
        return np.arange(size) - reach, np.broadcast_to(taps, (size, len(taps))).copy()

    return _both_ways(image, table(image.shape[0]), table(image.shape[1]))


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
            x = abs(x) % (2 * width)
            y = abs(y) % (2 * height)
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


@kernel
def _polygon(points: NDArray, out: NDArray) -> None:
    count = points.shape[0]
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            inside = 0
            for s in range(4):
                y, x = r + 0.25 + 0.5 * (s // 2), c + 0.25 + 0.5 * (s % 2)
                odd = False
                for i in range(count):
                    xi, yi = points[i, 0], points[i, 1]
                    xj, yj = points[i - 1, 0], points[i - 1, 1]
                    if (yi > y) != (yj > y) and x < (xj - xi) * (y - yi) / (yj - yi) + xi:
                        odd = not odd
                inside += int(odd)
            out[r, c] = max(out[r, c], 0.25 * inside)


def polygon(mask: Image, points: NDArray) -> None:
    """Draw a filled polygon (N,2) of pixel positions into a mask (H,W) of [0,1], in place."""
    low = np.clip(np.floor(points.min(0)).astype(int), 0, [mask.shape[1], mask.shape[0]])
    high = np.clip(np.ceil(points.max(0)).astype(int), 0, [mask.shape[1], mask.shape[0]])
    part = mask[low[1] : high[1], low[0] : high[0]]
    _polygon(np.asarray(points - low, np.float64), part)


@kernel
def _capsule(
    ax: float, ay: float, bx: float, by: float, ra: float, rb: float, out: NDArray
) -> None:
    dx, dy = bx - ax, by - ay
    square = max(dx * dx + dy * dy, 1e-9)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            px, py = c + 0.5 - ax, r + 0.5 - ay
            t = min(max((px * dx + py * dy) / square, 0.0), 1.0)
            distance = math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2) - (ra + t * (rb - ra))
            out[r, c] = max(out[r, c], min(max(0.5 - distance, 0.0), 1.0))


def capsule(mask: Image, start: NDArray, end: NDArray, radii: tuple[float, float]) -> None:
    """Draw a thick line with round ends, and a radius at either, into a mask (H,W), in place."""
    ends, reach = np.stack([start, end]), max(radii) + 1
    limit = [mask.shape[1], mask.shape[0]]
    x0, y0 = np.clip(np.floor(ends.min(0) - reach), 0, limit).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(ends.max(0) + reach), 0, limit).astype(int).tolist()
    (ax, ay), (bx, by) = (ends - [x0, y0]).tolist()
    _capsule(ax, ay, bx, by, float(radii[0]), float(radii[1]), mask[y0:y1, x0:x1])


def ellipse(mask: Image, centre: NDArray, radii: tuple[float, float], angle: float) -> None:
    """Draw a filled ellipse into a mask (H,W), in place; angle in radians."""
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    c, s = math.cos(angle), math.sin(angle)
    polygon(mask, np.stack([c * x - s * y, s * x + c * y], 1) + centre)


def to_linear(colour: NDArray) -> NDArray[np.float32]:
    """sRGB-coded values in [0,1] as linear light (IEC 61966-2-1)."""
    low = colour / 12.92
    high = ((np.maximum(colour, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(colour <= 0.04045, low, high).astype(np.float32)


def to_srgb(light: NDArray) -> NDArray[np.float32]:
    """Linear light in [0,1], sRGB-coded; the inverse of `to_linear`."""
    high = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, high).astype(np.float32)
