"""Kernels of finished pictures: rasterized pixels to colours, smooth outlines, 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

_HALF, _ONE, _FULL = np.float32(0.5), np.float32(1), np.float32(255)


@kernel
def paint_texture(
    rast: NDArray, triangles: NDArray, uv: NDArray, texels: NDArray, colours: NDArray
) -> None:
    """Fill the covered pixels of `colours` (H,W,3) in [0,1] with a texture, bilinear.

    Args:
        rast: (H,W,4), as `rasterize_images` fills it.
        triangles: (F,3) into uv (T,2), v up.
        texels: (h,w,3) uint8, row 0 at v = 1.
    """
    height, width = texels.shape[0], texels.shape[1]
    for row in range(rast.shape[0]):
        for column in range(rast.shape[1]):
            t = int(rast[row, column, 3]) - 1
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b = rast[row, column, 0], rast[row, column, 1]
            c = _ONE - a - b
            x = _place(a * uv[i, 0] + b * uv[j, 0] + c * uv[k, 0], width)
            y = _place(_ONE - (a * uv[i, 1] + b * uv[j, 1] + c * uv[k, 1]), height)
            left, top = np.uintp(x), np.uintp(y)
            fx, fy = x - np.float32(left), y - np.float32(top)
            right = np.uintp(min(int(x) + 1, width - 1))
            bottom = np.uintp(min(int(y) + 1, height - 1))
            one, two = (_ONE - fx) * (_ONE - fy), fx * (_ONE - fy)
            three, four = (_ONE - fx) * fy, fx * fy
            for q in range(3):
                upper = one * texels[top, left, q] + two * texels[top, right, q]
                under = three * texels[bottom, left, q] + four * texels[bottom, right, q]
                colours[row, column, q] = (upper + under) / _FULL


@inline
def _place(share: float, count: int) -> np.float32:
    """Where a coordinate in [0,1] lies among the middles of texels, at the border outside."""
    place = np.float32(share) * np.float32(count) - _HALF
    if not place > 0:
        return np.float32(0)
    return min(place, np.float32(count - 1))


@kernel
def paint_shades(rast: NDArray, triangles: NDArray, shades: NDArray, colours: NDArray) -> None:
    """Fill the covered pixels of `colours` (H,W,3) with the grey of vertices, shades (V,)."""
    for row in range(rast.shape[0]):
        for column in range(rast.shape[1]):
            t = int(rast[row, column, 3]) - 1
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b = rast[row, column, 0], rast[row, column, 1]
            grey = a * shades[i] + b * shades[j] + (_ONE - a - b) * shades[k]
            for q in range(3):
                colours[row, column, q] = grey


@kernel
def blend_edges(colours: NDArray, pairs: NDArray, blends: NDArray, count: int) -> None:
    """Blend the pixel pairs of `find_pairs_images` in flat colours (H*W,3), in place."""
    change = np.empty((count, 3), np.float32)
    for n in range(count):
        near, far = pairs[n, 2], pairs[n, 3]
        for c in range(3):
            change[n, c] = blends[n] * (colours[near, c] - colours[far, c])
    for n in range(count):
        target = pairs[n, 3] if blends[n] > 0 else pairs[n, 2]
        for c in range(3):
            colours[target, c] += change[n, c]


@kernel
def fill(background: NDArray, samples: int, colours: NDArray) -> None:
    """Repeat each pixel of a background (h,w,3) `samples` x `samples` times."""
    for row in range(colours.shape[0]):
        for column in range(colours.shape[1]):
            for c in range(3):
                colours[row, column, c] = background[row // samples, column // samples, c]


@kernel
def average(colours: NDArray, samples: int, picture: NDArray) -> None:
    """Means over `samples` x `samples` pixels as 8 bits, into a picture (h,w,3) uint8."""
    share = _ONE / np.float32(samples * samples)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            for c in range(3):
                total = np.float32(0)
                for y in range(row * samples, row * samples + samples):
                    for x in range(column * samples, column * samples + samples):
                        total += colours[y, x, c]
                level = min(max(total * share, np.float32(0)), _ONE)
                picture[row, column, c] = np.uint8(level * _FULL + _HALF)
