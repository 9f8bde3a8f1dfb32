"""The guided filter: maps smoothed along a picture's surfaces and not across its edges.

He, Sun and Tang, "Guided image filtering", ECCV 2010, for a guide of three colours: within every
square window w a map is a linear function of the guide, a_w . I + b_w with (equations 19 to 21)
a_w = (cov_w(I) + eps)^-1 cov_w(I, p) and b_w = mean_w(p) - a_w . mean_w(I); a pixel takes the mean
of the functions of all windows that it lies in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

Floats = NDArray[np.float32]


def guided_filter(guide: Floats, maps: Floats, half: int, smooth: float) -> Floats:
    """Maps (h,w,C) whose edges follow those of the guide (h,w,3).

    Args:
        guide: colours in [0,1]. maps: (h,w,C).
        half: windows have sides of 2 half + 1; beyond the border pictures go on as they are there.
        smooth: variance of colours below which a surface counts as even, eps in the paper.
    """
    means = box(_products(guide, maps), half)
    return _mixed(guide, box(_lines(means, np.float32(smooth)), half))


@kernel
def box(image: Floats, half: int) -> Floats:
    """Means (h,w,C) over squares of 2 half + 1; beyond the border it goes on as it is there."""
    height, width, channels = image.shape
    rows, result = np.empty_like(image), np.empty_like(image)
    share = 1.0 / (2 * half + 1)
    total = np.zeros((width, channels), np.float64)
    for y in range(-half, half):
        total += image[min(max(y, 0), height - 1)]
    for y in range(height):
        above, below = max(y - 1 - half, 0), min(y + half, height - 1)
        for x in range(width):
            for c in range(channels):
                total[x, c] += image[below, x, c]
                if y > 0:
                    total[x, c] -= image[above, x, c]
                rows[y, x, c] = total[x, c] * share
    for y in range(height):
        for c in range(channels):
            level = 0.0
            for x in range(-half, half):
                level += rows[y, min(max(x, 0), width - 1), c]
            for x in range(width):
                level += rows[y, min(x + half, width - 1), c]
                if x > 0:
                    level -= rows[y, max(x - 1 - half, 0), c]
                result[y, x, c] = level * share
    return result


@kernel
def _products(guide: Floats, maps: Floats) -> Floats:
    """(h,w,9+4C): the guide, its products two by two, the maps, and each map times each colour."""
    height, width, channels = maps.shape
    out = np.empty((height, width, 9 + 4 * channels), np.float32)
    for y in range(height):
        for x in range(width):
            r, g, b = guide[y, x, 0], guide[y, x, 1], guide[y, x, 2]
            cell = out[y, x]
            cell[0], cell[1], cell[2] = r, g, b
            cell[3], cell[4], cell[5] = r * r, r * g, r * b
            cell[6], cell[7], cell[8] = g * g, g * b, b * b
            for c in range(channels):
                p = maps[y, x, c]
                cell[9 + 4 * c] = p
                cell[10 + 4 * c], cell[11 + 4 * c], cell[12 + 4 * c] = r * p, g * p, b * p
    return out


@inline
def _inverse(cell: Floats, smooth: float) -> tuple[float, float, float, float, float, float]:
    """The upper half of the inverse of a window's covariance of colours, plus `smooth`."""
    r, g, b = np.float64(cell[0]), np.float64(cell[1]), np.float64(cell[2])
    rr, rg, rb = cell[3] - r * r + smooth, cell[4] - r * g, cell[5] - r * b
    gg, gb, bb = cell[6] - g * g + smooth, cell[7] - g * b, cell[8] - b * b + smooth
    mr, mg, mb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    scale = 1.0 / (rr * mr + rg * mg + rb * mb)
    return (
        mr * scale, mg * scale, mb * scale,
        (rr * bb - rb * rb) * scale, (rg * rb - rr * gb) * scale, (rr * gg - rg * rg) * scale,
    )  # fmt: skip


@kernel
def _lines(means: Floats, smooth: float) -> Floats:
    """(h,w,4C): a_w and b_w of each map, from the windows' means of `_products`."""
    height, width, channels = means.shape[0], means.shape[1], (means.shape[2] - 9) // 4
    out = np.empty((height, width, 4 * channels), np.float32)
    for y in range(height):
        for x in range(width):
            cell = means[y, x]
            rr, rg, rb, gg, gb, bb = _inverse(cell, smooth)
            for c in range(channels):
                p = cell[9 + 4 * c]
                r = cell[10 + 4 * c] - cell[0] * p
                g = cell[11 + 4 * c] - cell[1] * p
                b = cell[12 + 4 * c] - cell[2] * p
                ar = rr * r + rg * g + rb * b
                ag = rg * r + gg * g + gb * b
                ab = rb * r + gb * g + bb * b
                out[y, x, 4 * c], out[y, x, 4 * c + 1], out[y, x, 4 * c + 2] = ar, ag, ab
                out[y, x, 4 * c + 3] = p - ar * cell[0] - ag * cell[1] - ab * cell[2]
    return out


@kernel
def _mixed(guide: Floats, lines: Floats) -> Floats:
    """The maps (h,w,C) that mean functions of the guide give."""
    height, width, channels = guide.shape[0], guide.shape[1], lines.shape[2] // 4
    out = np.empty((height, width, channels), np.float32)
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                level = lines[y, x, 4 * c + 3]
                for k in range(3):
                    level += lines[y, x, 4 * c + k] * guide[y, x, k]
                out[y, x, c] = level
    return out
