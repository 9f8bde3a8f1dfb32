"""Errors of depth maps and of the normals they imply: SIDE and MAD, one number an item.

Mobile-FaceRNet (eqs 20 and 21) after Wu et al. 2020 ("unsup3d"); W x H there is the area that is
compared, here the pixels that both maps cover. An item where nothing is shared gets NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def covered(depth: ArrayLike) -> Mask:
    """Where a depth map (...,H,W) has a surface: finite and above 0."""
    values = np.asarray(depth, np.float64)
    return np.isfinite(values) & (np.nan_to_num(values) > 0)


def side(predicted: ArrayLike, truth: ArrayLike, mask: ArrayLike) -> Array:
    """Scale-invariant depth error: the standard deviation of ln(predicted) - ln(truth) (eq 20).

    Args:
        predicted, truth: (N,H,W) depth along the viewing axis, any unit; no surface: 0 or NaN.
        mask: (N,H,W), pixels that count where both have a surface.

    Returns:
        (N,), not in percent; papers give it times 100. NaN where no pixel counts.

    Raises:
        InputError: unequal shapes.
    """
    ours, theirs, seen = _same(predicted, truth, mask, 3)
    seen = seen & covered(ours) & covered(theirs)
    ratio = np.log(np.where(seen, ours, 1.0)) - np.log(np.where(seen, theirs, 1.0))
    area = seen.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = ratio.sum((1, 2)) / area
        spread = np.where(seen, ratio - mean[:, None, None], 0.0)
        return np.sqrt((spread**2).sum((1, 2)) / area)


def mad(predicted: ArrayLike, truth: ArrayLike, mask: ArrayLike) -> Array:
    """Mean angle between normals in degrees (eq 21).

    Args:
        predicted, truth: (N,H,W,3) of any positive length; NaN where there is none.
        mask: (N,H,W), pixels that count where both have a normal.

    Returns:
        (N,) degrees, NaN where no pixel counts.

    Raises:
        InputError: unequal shapes.
    """
    ours, theirs, seen = _same(predicted, truth, mask, 4)
    lengths = np.linalg.norm(ours, axis=-1), np.linalg.norm(theirs, axis=-1)
    seen = seen & covered(lengths[0]) & covered(lengths[1])
    ours, theirs = np.where(seen[..., None], ours, 0.0), np.where(seen[..., None], theirs, 0.0)
    across = np.linalg.norm(np.cross(ours, theirs), axis=-1)  # exact for small angles, too
    angle = np.degrees(np.arctan2(across, (ours * theirs).sum(-1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return angle.sum((1, 2)) / seen.sum((1, 2))


def normals_of_depth(depth: ArrayLike, focal: float, center: tuple[float, float]) -> Array:
    """Normals of the surface that a perspective camera sees.

    Pixels are taken back into space and the differences of their neighbours crossed, as unsup3d
    does.

    Args:
        depth: (H,W) along the viewing axis; no surface: 0 or NaN.
        focal: in pixels. center: principal point in pixels, by our convention.

    Returns:
        (H,W,3) unit vectors in camera space, x right, y up, z to the viewer; NaN where a pixel or
        one of its four neighbours has no surface.

    Raises:
        InputError: another shape, or a focal length that is not positive.
    """
    z = np.asarray(depth, np.float64)
    if z.ndim != 2 or min(z.shape) < 3:
        raise InputError("depth", "shape (H,W), 3 or more each", str(z.shape))
    if not focal > 0:
        raise InputError("focal", "a positive number of pixels", str(focal))
    z = np.where(covered(z), z, np.nan)
    rows, columns = np.indices(z.shape) + 0.5
    space = np.stack([(columns - center[0]) * z / focal, (center[1] - rows) * z / focal, -z], -1)
    right = space[1:-1, 2:] - space[1:-1, :-2]
    up = space[:-2, 1:-1] - space[2:, 1:-1]
    normals = np.full((*z.shape, 3), np.nan)
    cross = np.cross(right, up)
    normals[1:-1, 1:-1] = cross / np.linalg.norm(cross, axis=-1, keepdims=True)
    normals[np.isnan(z)] = np.nan
    return normals


def _same(
    predicted: ArrayLike, truth: ArrayLike, mask: ArrayLike, dimensions: int
) -> tuple[Array, Array, Mask]:
    ours, theirs = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    seen = np.asarray(mask, bool)
    if theirs.ndim != dimensions or ours.shape != theirs.shape:
        got = f"{ours.shape} and {theirs.shape}"
        raise InputError("predicted, truth", f"equal shapes of {dimensions} dimensions", got)
    if seen.shape != theirs.shape[:3]:
        raise InputError("mask", f"shape {theirs.shape[:3]}", str(seen.shape))
    return ours, theirs, seen
