"""Crops cut out of photographs straight from their bytes (numba): in training and afterwards alike.

`cut_out` cuts one crop out of a photograph of any size, and averages where the photograph shrinks.
`warp` cuts batches of small pictures at scales near 1, where both are the same. `Crop.warp` cuts
tensors, for renderings, maps and networks of others: it turns black softly within half a pixel of
the border, and interpolates without averaging down to half the size.
"""

from __future__ import annotations

import math

# ruff: noqa: ANN401  (compiled functions take what numba infers)
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..core.jit import kernel
from .checks import check_finite, check_shape

_FARTHEST = np.float32(1e9)
"""Pixels from the picture beyond which there is nothing: float32 and indices have to hold them."""
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
    """The inverses (B,2,3) float32 of maps from pictures to crops, for a kernel.

    Args:
        frames: (B,2,3), picture to crop pixels.
        count: B, of the pictures.

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


@kernel
def _warp(images: Any, back: Any, reflected: Any, out: Any) -> None:
    inside = np.empty((1, out.shape[2], out.shape[3]), np.float32)
    for b in range(len(images)):
        _cut(images[b], back[b], 1, reflected[b], out[b], inside)


def cut_out(
    picture: NDArray[np.uint8], matrix: Tensor, size: int | tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """A crop and where it lies in the photograph.

    Where the crop enlarges the photograph, or shrinks it by up to 4/3, it is interpolated
    bilinearly. Where it shrinks it by up to 2, each pixel is the mean of 2 x 2 such samples, at
    most a photograph pixel apart; beyond, the photograph is first averaged over whole blocks.

    >>> halves = torch.tensor([[0.5, 0, 0], [0, 0.5, 0]])
    >>> crop, inside = cut_out(np.full((4, 4), 255, np.uint8), halves, 3)
    >>> crop[0], inside.sum()
    (tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 0.]]), tensor(4.))

    Args:
        picture: (H,W,3) or (H,W) uint8.
        matrix: (2,3), photograph to crop pixels, both by our convention; may mirror.
        size: (height, width) of the crop, or its side.

    Returns:
        (3 or 1,h,w) in [0,1], black outside the photograph, and (1,h,w), 1 inside it.

    Raises:
        InputError: not uint8, a wrong shape, or a map that is not finite, cannot be inverted or
            shrinks the photograph to nothing.
    """
    layers = picture[..., None] if picture.ndim == 2 else picture
    if layers.dtype != np.uint8 or layers.shape[2:] not in ((1,), (3,)) or layers.size == 0:
        raise InputError("picture", "uint8 (H,W,3) or (H,W)", f"{picture.dtype} {picture.shape}")
    check_shape("matrix", matrix, (2, 3))
    shape = (size, size) if isinstance(size, int) else size
    back, step = _inverse(matrix, shape)
    if step > 2:
        layers, back = _blocks(layers, back, shape, math.ceil(step / 2))
    out = np.empty((layers.shape[2], *shape), np.float32)
    inside = np.empty((1, *shape), np.float32)
    samples = 1 if step <= _ONE_SAMPLE else 2
    _cut(np.ascontiguousarray(layers), back.astype(np.float32), samples, False, out, inside)
    return torch.from_numpy(out), torch.from_numpy(inside)


def _inverse(matrix: Tensor, shape: tuple[int, int]) -> tuple[NDArray[np.float64], float]:
    """Crop to photograph pixels (2,3), of numbers that an index can hold, and its scale."""
    forth = matrix.numpy().astype(np.float64)
    area = abs(float(np.linalg.det(forth[:, :2]))) if np.isfinite(forth).all() else 0.0
    if not area > 0 or min(shape) < 1:
        raise InputError("matrix", "a finite, invertible map", str(matrix.tolist()))
    with np.errstate(all="ignore"):
        back = np.linalg.inv(np.concatenate([forth, [[0, 0, 1]]]))[:2]
    reach = np.abs(back[:, :2]).sum() * max(shape) + np.abs(back[:, 2]).max()
    if not reach < _FARTHEST:
        expected = f"a map to within {_FARTHEST:.0e} pixels of the photograph"
        raise InputError("matrix", expected, f"{reach:g}")
    return back, area**-0.5


def _blocks(
    image: NDArray[np.uint8], back: NDArray[np.float64], shape: tuple[int, int], block: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a picture that a crop sees, averaged over blocks, and the crop's way into it.

    Blocks that stick out of the picture are the mean of what lies within.
    """
    h, w = shape
    corners = back[:, :2] @ np.array([[0, w, 0, w], [0, 0, h, h]]) + back[:, 2:]
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


@kernel
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


@kernel
def _blend(values: Any, above: Any, below: Any, aside: Any, fx: Any, fy: Any) -> Any:
    """Between the values at two places and those that stand `aside` of them."""
    rest = np.float32(1) - fx
    top = np.float32(values[above]) * rest + np.float32(values[above + aside]) * fx
    low = np.float32(values[below]) * rest + np.float32(values[below + aside]) * fx
    return top * (np.float32(1) - fy) + low * fy


@kernel
def _mirrored(place: Any, extent: Any) -> Any:
    """The pixel that a picture, mirrored at its edges again and again, shows at `place`."""
    place = place % (2 * extent)
    return min(place, 2 * extent - 1 - place)


@kernel
def _cut(image: Any, back: Any, samples: Any, reflected: Any, out: Any, inside: Any) -> None:
    """Each pixel the mean of samples x samples; outside black, or where `reflected` mirrored."""
    height, width, channels = image.shape
    values = image.reshape(-1)  # places in it are unsigned: numba looks for no negative ones
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    step, share = one / np.float32(samples), one / np.float32(samples * samples)
    a, b, c, d = back[0, 0], back[0, 1], back[1, 0], back[1, 1]
    shift_x, shift_y = back[0, 2] - half, back[1, 2] - half
    right, below = np.float32(width) - half, np.float32(height) - half
    for row in range(out.shape[1]):
        for column in range(out.shape[2]):
            red, green, blue = zero, zero, zero
            count = 0
            for k in range(samples):
                v = np.float32(row) + (np.float32(k) + half) * step
                for m in range(samples):
                    u = np.float32(column) + (np.float32(m) + half) * step
                    x, y = a * u + b * v + shift_x, c * u + d * v + shift_y
                    within = x >= -half and y >= -half and x <= right and y <= below
                    if not (within or (reflected and abs(x) < _FARTHEST and abs(y) < _FARTHEST)):
                        continue  # outside, or NaN
                    count += 1
                    x0, y0 = int(np.floor(x)), int(np.floor(y))
                    fx, fy = x - np.float32(x0), y - np.float32(y0)
                    x1, y1 = x0 + 1, y0 + 1
                    if not (x0 >= 0 and y0 >= 0 and x1 < width and y1 < height):
                        if reflected:
                            x0, x1 = _mirrored(x0, width), _mirrored(x1, width)
                            y0, y1 = _mirrored(y0, height), _mirrored(y1, height)
                        else:
                            x0, x1 = max(x0, 0), min(x1, width - 1)
                            y0, y1 = max(y0, 0), min(y1, height - 1)
                    upper = np.uint64((y0 * width + x0) * channels)
                    lower = np.uint64((y1 * width + x0) * channels)
                    aside = np.uint64((x1 - x0) * channels)
                    red += _blend(values, upper, lower, aside, fx, fy)
                    if channels == 3:
                        upper, lower = upper + np.uint64(1), lower + np.uint64(1)
                        green += _blend(values, upper, lower, aside, fx, fy)
                        upper, lower = upper + np.uint64(1), lower + np.uint64(1)
                        blue += _blend(values, upper, lower, aside, fx, fy)
            out[0, row, column] = red * share / np.float32(255)
            if channels == 3:
                out[1, row, column] = green * share / np.float32(255)
                out[2, row, column] = blue * share / np.float32(255)
            inside[0, row, column] = np.float32(count) * share
