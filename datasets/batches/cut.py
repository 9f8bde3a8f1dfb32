"""Crops cut out of pictures by affine maps (numba).

`warp` cuts batches of small pictures straight from bytes, at scales near 1. `cut_out` cuts one crop
out of a photograph of any size, and averages where the photograph shrinks.
"""

from __future__ import annotations

# ruff: noqa: ANN401  (compiled functions take what numba infers)
import math
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...geometry.checks import check_finite, check_shape

_FARTHEST = np.float32(1e9)
"""Pixels from the picture beyond which there is nothing: float32 and indices have to hold them."""
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

_ONE_SAMPLE = 4 / 3  # photograph pixels per crop pixel up to which plain interpolation does


def warp(images: NDArray[np.uint8], frames: Tensor, size: int, reflected: Tensor) -> Tensor:
    """Bilinear crops without averaging: meant for scales near 1.

    Args:
        images: (B,H,W,3) uint8.
        frames: (B,2,3), picture to crop pixels.
        size: side of the crops.
        reflected: (B,) bool, what lies outside a picture is its mirror image; else black.

    Returns:
        (B,3,size,size) float32 in [0,1].

    Raises:
        InputError: not uint8, a wrong shape, no pixels, frames that are not finite or that cannot
            be inverted.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError("images", "(B,H,W,3) uint8", f"{images.shape} {images.dtype}")
    if 0 in images.shape[1:3] or size < 1:
        raise InputError("images", "pixels, and a crop of some", f"{images.shape}, crop {size}")
    check_shape("reflected", reflected, (len(images),))
    back = to_pictures(frames, len(images))
    out = np.empty((len(images), 3, size, size), np.float32)
    _warp(np.ascontiguousarray(images), back, reflected.bool().numpy(), out)
    return torch.from_numpy(out)


def to_pictures(frames: Tensor, count: int) -> NDArray[np.float32]:
    """The inverses (B,2,3) of `count` maps (B,2,3), crop to picture pixels, for a kernel.

    Raises:
        InputError: another shape, numbers that are not finite, or a map that cannot be inverted.
    """
    check_shape("frames", frames, (count, 2, 3))
    check_finite("frames", frames)
    inverse, wrong = torch.linalg.inv_ex(frames[:, :, :2])
    back = torch.cat([inverse, -(inverse @ frames[:, :, 2:])], -1).float()
    if bool(wrong.any()) or not bool(torch.isfinite(back).all()):
        raise InputError("frames", "maps that can be inverted", "one that cannot")
    return back.contiguous().numpy()


def compiled(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk where a folder can be written."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return numba.njit(**_OPTIONS)(function)


@compiled
def _warp(images: Any, back: Any, reflected: Any, out: Any) -> None:
    count, height, width, _ = images.shape
    size = out.shape[2]
    half, unit = np.float32(0.5), np.float32(1 / 255)
    for b in range(count):
        m, image = back[b], images[b]
        for row in range(size):
            v = np.float32(row) + half
            for column in range(size):
                u = np.float32(column) + half
                x = m[0, 0] * u + m[0, 1] * v + m[0, 2] - half
                y = m[1, 0] * u + m[1, 1] * v + m[1, 2] - half
                if not (abs(x) < _FARTHEST and abs(y) < _FARTHEST):  # also where it is NaN
                    out[b, :, row, column] = 0
                    continue
                x0, y0 = int(np.floor(x)), int(np.floor(y))
                fx, fy = x - np.float32(x0), y - np.float32(y0)
                x1, y1 = x0 + 1, y0 + 1
                if not (x0 >= 0 and y0 >= 0 and x1 < width and y1 < height):
                    if reflected[b]:
                        x0, x1 = x0 % (2 * width), x1 % (2 * width)
                        y0, y1 = y0 % (2 * height), y1 % (2 * height)
                        x0, x1 = min(x0, 2 * width - 1 - x0), min(x1, 2 * width - 1 - x1)
                        y0, y1 = min(y0, 2 * height - 1 - y0), min(y1, 2 * height - 1 - y1)
                    elif x < -half or y < -half or x > width - half or y > height - half:
                        out[b, :, row, column] = 0
                        continue
                    else:
                        x0, x1 = max(x0, 0), min(x1, width - 1)
                        y0, y1 = max(y0, 0), min(y1, height - 1)
                for k in range(3):
                    top = image[y0, x0, k] * (1 - fx) + image[y0, x1, k] * fx
                    bottom = image[y1, x0, k] * (1 - fx) + image[y1, x1, k] * fx
                    out[b, k, row, column] = (top * (1 - fy) + bottom * fy) * unit


def cut_out(picture: NDArray[np.uint8], matrix: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """A crop and where it lies in the photograph.

    Where the crop enlarges the photograph, or shrinks it by less than 4/3, it is interpolated
    bilinearly. Where it shrinks it by up to 2, each pixel is the mean of 2 x 2 such samples, at
    most a photograph pixel apart; beyond, the photograph is first averaged over whole blocks.

    Args:
        picture: (H,W,3) or (H,W) uint8.
        matrix: (2,3), photograph to crop pixels, both by our convention; may mirror.
        size: side of the crop.

    Returns:
        (3 or 1,size,size) in [0,1], black outside the photograph, and (1,size,size), 1 inside it.

    Raises:
        InputError: not uint8, a wrong shape, or a map that is not finite, cannot be inverted or
            shrinks the photograph to nothing.
    """
    layers = picture[..., None] if picture.ndim == 2 else picture
    if layers.dtype != np.uint8 or layers.shape[2:] not in ((1,), (3,)) or layers.size == 0:
        raise InputError("picture", "uint8 (H,W,3) or (H,W)", f"{picture.dtype} {picture.shape}")
    check_shape("matrix", matrix, (2, 3))
    back, step = _inverse(matrix, size)
    if step > 2:
        layers, back = _blocks(layers, back, size, math.ceil(step / 2))
    out = np.empty((layers.shape[2], size, size), np.float32)
    inside = np.empty((1, size, size), np.float32)
    samples = 1 if step <= _ONE_SAMPLE else 2
    _cut(np.ascontiguousarray(layers), back.astype(np.float32), samples, out, inside)
    return torch.from_numpy(out), torch.from_numpy(inside)


def _inverse(matrix: Tensor, size: int) -> tuple[NDArray[np.float64], float]:
    """Crop to photograph pixels (2,3), of numbers that an index can hold, and its scale."""
    forth = matrix.numpy().astype(np.float64)
    area = abs(float(np.linalg.det(forth[:, :2]))) if np.isfinite(forth).all() else 0.0
    if not area > 0 or size < 1:
        raise InputError("matrix", "a finite, invertible map", str(matrix.tolist()))
    with np.errstate(all="ignore"):
        back = np.linalg.inv(np.concatenate([forth, [[0, 0, 1]]]))[:2]
    reach = np.abs(back[:, :2]).sum() * size + np.abs(back[:, 2]).max()
    if not reach < _FARTHEST:
        expected = f"a map to within {_FARTHEST:.0e} pixels of the photograph"
        raise InputError("matrix", expected, f"{reach:g}")
    return back, area**-0.5


def _blocks(
    image: NDArray[np.uint8], back: NDArray[np.float64], size: int, block: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a picture that a crop sees, averaged over blocks, and the crop's way into it.

    Blocks that stick out of the picture are the mean of what lies within.
    """
    corners = back[:, :2] @ np.array([[0, size, 0, size], [0, 0, size, size]]) + back[:, 2:]
    extent = np.array(image.shape[1::-1])
    low = np.clip((corners.min(1) // block - 1) * block, 0, None).astype(int)
    high = np.clip(np.ceil(corners.max(1) + block), low + 1, np.maximum(extent, low + 1))
    low = np.minimum(low, (extent - 1) // block * block)
    count = -(-(np.minimum(high.astype(int), extent) - low) // block)
    small = np.empty((max(1, count[1]), max(1, count[0]), image.shape[2]), np.uint8)
    _average(image, low[0], low[1], block, small)
    moved = back.copy()
    moved[:, 2] -= low
    return small, moved / block


@compiled
def _average(image: Any, left: Any, top: Any, block: Any, out: Any) -> None:
    height, width, channels = image.shape
    rows, columns, _ = out.shape
    for r in range(rows):
        y0, y1 = top + r * block, min(top + (r + 1) * block, height)
        for c in range(columns):
            x0, x1 = left + c * block, min(left + (c + 1) * block, width)
            count = (y1 - y0) * (x1 - x0)
            for m in range(channels):
                total = 0
                for y in range(y0, y1):
                    for x in range(x0, x1):
                        total += image[y, x, m]
                out[r, c, m] = (2 * total + count) // (2 * count)


@compiled
def _blend(image: Any, x0: Any, x1: Any, y0: Any, y1: Any, fx: Any, fy: Any, m: Any) -> Any:
    """Channel m between the four pixels at columns x0, x1 and rows y0, y1."""
    top = np.float32(image[y0, x0, m]) * (np.float32(1) - fx) + np.float32(image[y0, x1, m]) * fx
    low = np.float32(image[y1, x0, m]) * (np.float32(1) - fx) + np.float32(image[y1, x1, m]) * fx
    return top * (np.float32(1) - fy) + low * fy


@compiled
def _cut(image: Any, back: Any, samples: Any, out: Any, inside: Any) -> None:
    height, width, channels = image.shape
    half, one = np.float32(0.5), np.float32(1)
    step, share = one / np.float32(samples), one / np.float32(samples * samples)
    a, b, c, d = back[0, 0], back[0, 1], back[1, 0], back[1, 1]
    shift_x, shift_y = back[0, 2] - half, back[1, 2] - half
    right, below = np.float32(width) - half, np.float32(height) - half
    for row in range(out.shape[1]):
        for column in range(out.shape[2]):
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            count = 0
            for k in range(samples * samples):
                u = np.float32(column) + (np.float32(k % samples) + half) * step
                v = np.float32(row) + (np.float32(k // samples) + half) * step
                x, y = a * u + b * v + shift_x, c * u + d * v + shift_y
                if not (x >= -half and y >= -half and x <= right and y <= below):
                    continue  # outside, or NaN
                count += 1
                x0, y0 = int(x + one) - 1, int(y + one) - 1  # rounded down, as x, y > -1
                fx, fy = x - np.float32(x0), y - np.float32(y0)
                x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
                x0, y0 = max(x0, 0), max(y0, 0)
                red += _blend(image, x0, x1, y0, y1, fx, fy, 0)
                if channels == 3:
                    green += _blend(image, x0, x1, y0, y1, fx, fy, 1)
                    blue += _blend(image, x0, x1, y0, y1, fx, fy, 2)
            out[0, row, column] = red * share / np.float32(255)
            if channels == 3:
                out[1, row, column] = green * share / np.float32(255)
                out[2, row, column] = blue * share / np.float32(255)
            inside[0, row, column] = np.float32(count) * share
