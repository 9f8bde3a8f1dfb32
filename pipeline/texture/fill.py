"""Smooth completion of maps, and the bands that it works in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter, uniform_filter

from .kernels import halve, pull

Floats = NDArray[np.float32]

_SIDE = 256  # texels along which maps are made coarser for what is smooth anyway


def extend(values: Floats, weight: Floats) -> Floats:
    """Carry values smoothly to where they are not known (Gortler et al. 1996, section 4.5.2).

    Where `values` are a difference between two pictures this is the membrane that joins them
    without a seam (Farbman et al. 2009).

    Args:
        values: (S,S,C). weight: (S,S) in [0,1], how well each is known.

    Returns:
        (S,S,C); the values themselves where the weight is 1.
    """
    if weight.shape[0] <= 1:
        return values
    mean, known = halve(values, weight)
    coarse = extend(mean, known)
    filled = values.copy()
    pull(filled, weight, coarse)
    return filled


def continued(
    values: Floats, known: Floats, usual: Floats, reach: float, own: NDArray[np.bool_]
) -> Floats:
    """Carry values smoothly to where they are not known, and to what is usual farther away.

    Args:
        values: (S,S,C). known: (S,S) in [0,1], 0 where not `own`.
        usual: (C,) or (S,S,C), what to take where nothing is known nearby.
        reach: side in texels of the square whose usual values count as much as one known texel.
        own: (S,S), the texels that matter.

    Returns:
        (S,S,C).
    """
    # In `extend` weights grow fourfold when distances double: this one is 1 at the reach.
    prior = np.float32(reach**-2)
    mixed = values * known[..., None] + usual * prior
    mixed /= (known + prior)[..., None]
    return extend(mixed, np.where(own, np.minimum(known + prior, 1), 0).astype(np.float32))


def spread(
    values: Floats, known: Floats, usual: Floats, reach: float, own: NDArray[np.bool_],
    radius: float,
) -> Floats:  # fmt: skip
    """`continued` and then `smoothed` by a radius, on a coarser map throughout; usual is (C,)."""
    cell = _cell(values)
    mean, sure, matter = values, known, own
    for _ in range(cell.bit_length() - 1):
        mean, sure = halve(mean, sure)
    if cell > 1:
        matter = shrunk(own.astype(np.float32), cell) > 0
    small = continued(mean, sure, usual, reach / cell, matter)
    return enlarged(smoothed(small, radius / cell), len(values), cell)


def smoothed(image: Floats, radius: float) -> Floats:
    """Two box filters of about that radius in texels, (S,S) or (S,S,C), on a coarser map."""
    cell = _cell(image)
    small = shrunk(image, cell)
    size = max(1, round(2 * radius / cell)) | 1
    for _ in range(2):
        small = uniform_filter(small, size, axes=(0, 1), mode="nearest")
    return enlarged(small, len(image), cell)


def retreated(weight: Floats, radius: float) -> Floats:
    """A weight (S,S) that falls to 0 softly within its own border."""
    cell = _cell(weight)
    small = shrunk(weight, cell)
    size = max(1, round(2 * radius / cell)) | 1
    inner = minimum_filter(small, size, mode="nearest")
    for _ in range(2):
        inner = uniform_filter(inner, size, mode="nearest")
    return np.minimum(enlarged(inner, len(weight), cell), weight)


def shrunk(image: Floats, cell: int) -> Floats:
    """Means of (S,S) or (S,S,C) over cells of `cell` x `cell` texels, the last ones filled up."""
    extra = -len(image) % cell
    if extra:
        image = np.pad(image, [(0, extra), (0, extra)] + [(0, 0)] * (image.ndim - 2), "edge")
    count = len(image) // cell
    cells = image.reshape(count, cell, count, cell, *image.shape[2:])
    return np.asarray(cells.mean((1, 3)), np.float32)


def enlarged(small: Floats, size: int, cell: int) -> Floats:
    """`shrunk` undone, bilinear, for a `cell` that is a power of two."""
    values = np.ascontiguousarray(small[..., None] if small.ndim == 2 else small)
    while cell > 1:
        cell //= 2
        finer = np.zeros((2 * len(values), 2 * len(values), values.shape[2]), np.float32)
        pull(finer, np.zeros(finer.shape[:2], np.float32), values)
        values = finer
    values = values[:size, :size]
    return values[..., 0] if small.ndim == 2 else values


def _cell(image: Floats) -> int:
    """The power of two that makes a map about `_SIDE` texels wide, 1 or more."""
    return 1 << max(0, (len(image) // _SIDE).bit_length() - 1)
