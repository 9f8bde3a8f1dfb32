"""Smooth completion of maps, and the bands that it works in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..segment.guided import box
from .levels import enlarge, halve, lower, pull, shrink, touch

Floats = NDArray[np.float32]

_SIDE = 256  # texels along which maps are made coarser for what is smooth anyway


@dataclass(frozen=True)
class Coarse:
    """A smooth map by its means over cells; bilinear between them.

    Attributes:
        values: (s,s,C). cell: side of a cell in texels.
    """

    values: Floats
    cell: int


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
) -> Coarse:  # fmt: skip
    """`continued`, and then smoothed by two boxes, on a coarser map throughout.

    Args:
        values, known, usual, reach, own: as `continued`, but usual is (C,).
        radius: of the boxes, texels.
    """
    cell = _cell(values)
    mean, sure, matter = values, known, own
    for _ in range(cell.bit_length() - 1):
        mean, sure = halve(mean, sure)
    if cell > 1:
        matter = _touched(own, cell)
    small = continued(mean, sure, usual, reach / cell, matter)
    return Coarse(_blurred(small, radius / cell), cell)


def beside(
    values: Floats, known: Floats, far: Coarse, reach: float, own: NDArray[np.bool_]
) -> Coarse:
    """Carry values to beside where they are known: the membrane that meets them without a seam.

    Args:
        values, known, own: as `continued`.
        far: what they go over to. reach: how far that is, texels.
    """
    cell = 2 if far.cell > 1 else 1
    mean, sure, matter = values, known, own
    if cell > 1:
        (mean, sure), matter = halve(values, known), _touched(own, cell)
    usual = np.empty_like(mean)
    enlarge(far.values, far.cell // cell, usual)
    return Coarse(continued(mean, sure, usual, reach / cell, matter), cell)


def retreat(weight: Floats, radius: float) -> None:
    """Make a weight (S,S) fall to 0 softly within its own border, in place."""
    cell = _cell(weight)
    small = shrunk(weight[..., None], cell)[..., 0]
    side = _side(radius / cell)
    inner = -functional.max_pool2d(-torch.from_numpy(small)[None], side, 1, side // 2)[0].numpy()
    lower(weight, _blurred(inner[..., None], radius / cell)[..., 0], cell)


def shrunk(image: Floats, cell: int) -> Floats:
    """Means (s,s,C) of (S,S,C) over cells of `cell` x `cell` texels, the last ones filled up."""
    extra = -len(image) % cell
    if extra:
        image = np.pad(image, [(0, extra), (0, extra), (0, 0)], "edge")
    count = len(image) // cell
    small = np.empty((count, count, image.shape[2]), np.float32)
    shrink(image, cell, small)
    return small


def _blurred(small: Floats, radius: float) -> Floats:
    half = _side(radius) // 2
    return np.asarray(box(box(np.ascontiguousarray(small), half), half))


def _side(radius: float) -> int:
    """Of the box that a filter of that radius has: odd."""
    return max(1, round(2 * radius)) | 1


def _touched(own: NDArray[np.bool_], cell: int) -> NDArray[np.bool_]:
    """The cells (s,s) that hold any texel of a part (S,S)."""
    count = -(-len(own) // cell)
    touched = np.empty((count, count), np.bool_)
    touch(own, cell, touched)
    return touched


def _cell(image: Floats) -> int:
    """The power of two that makes a map about `_SIDE` texels wide, 1 or more."""
    return 1 << max(0, (len(image) // _SIDE).bit_length() - 1)
