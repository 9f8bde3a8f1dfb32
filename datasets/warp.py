"""Cutting crops out of batches of small pictures, straight from bytes (numba)."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape

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
        InputError: not uint8, or a wrong shape.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError("images", "(B,H,W,3) uint8", f"{images.shape} {images.dtype}")
    check_shape("frames", frames, (len(images), 2, 3))
    check_shape("reflected", reflected, (len(images),))
    inverse = torch.linalg.inv(frames[:, :, :2])
    back = torch.cat([inverse, -(inverse @ frames[:, :, 2:])], -1).float()
    out = np.empty((len(images), 3, size, size), np.float32)
    _warp(images, back.numpy(), reflected.numpy(), out)
    return torch.from_numpy(out)


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
