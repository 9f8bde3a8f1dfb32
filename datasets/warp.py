"""Cutting crops out of batches of small pictures, straight from bytes (numba)."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_finite, check_shape

_FARTHEST = np.float32(1e9)
"""Pixels from the picture beyond which there is nothing: an index has to hold them."""
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


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


def compiled(function: Any) -> Any:  # noqa: ANN401
    """Compile without the interpreter lock; cached on disk where a folder can be written."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return numba.njit(**_OPTIONS)(function)


@compiled
def _warp(images: Any, back: Any, reflected: Any, out: Any) -> None:  # noqa: ANN401
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
