"""Errors of landmarks, one number per item, and their means by yaw.

The functions are pure, work on arrays and count in float64. An item whose prediction holds NaN has
failed and gets NaN, never 0; ground truth that is not finite is an error. Every number depends on
its own item alone, so that batches may be cut anywhere. The means are those of the papers' tables:
by bin of |yaw|, the mean of the three bins, the mean over all items, and the mean over subsets in
which every bin has as many items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError

Array = NDArray[np.float64]

_CHUNK = 2_000_000  # coordinates that are worked on at a time

BINS = ("0 to 30", "30 to 60", "60 to 90")
"""|yaw| in degrees: up to 30, above 30 up to 60, above 60. What reads above 90 is in the last."""


def box_size(points: ArrayLike) -> Array:
    """Square root of the area of the box round points, in x and y.

    The d of eq 25 of SADRNet and of 3DDFA's benchmark (`benchmark_aflw2000.py`).

    >>> box_size([[[0, 0], [4, 0], [4, 9]]])
    array([6.])

    Args:
        points: (N,K,2) or (N,K,3), of which z is not looked at.

    Returns:
        (N,), in the unit of the points.

    Raises:
        InputError: another shape, not finite, or a box without area.
    """
    plane = _points("points", points)[..., :2].astype(np.float64)
    if not np.isfinite(plane).all():
        raise InputError("points", "finite numbers", "NaN or infinity in the ground truth")
    area = (plane.max(1) - plane.min(1)).prod(1)
    if not (area > 0).all():
        row = int(np.flatnonzero(~(area > 0))[0])
        raise InputError("points", "a box with an area", f"none in row {row}")
    return np.sqrt(area)


def landmark_nme(
    predicted: ArrayLike, truth: ArrayLike, size: ArrayLike, visible: ArrayLike | None = None
) -> Array:
    """Normalised mean error (NME) of landmarks in percent, the number of every table here.

    It is the mean distance of corresponding points over a length of the face.

    >>> truth = np.array([[[0.0, 0.0], [4.0, 0.0], [4.0, 9.0]]])
    >>> landmark_nme(truth + [0.6, 0.0], truth, box_size(truth))
    array([10.])

    Args:
        predicted: (N,K,D), D = 2 or 3; NaN in a visible row marks an item that failed.
        truth: the same shape.
        size: (N,) > 0, the length that is 100 %, such as `box_size(truth)`.
        visible: (N,K) bool, the points that count; None takes all.

    Returns:
        (N,) percent; NaN where the item failed.

    Raises:
        InputError: unequal shapes, a truth that is not finite, a size that is not positive, or an
            item without a visible point.
    """
    source, target = _points("predicted", predicted), _points("truth", truth)
    if source.shape != target.shape:
        raise InputError("predicted", f"the truth's shape {target.shape}", str(source.shape))
    unit = _lengths("size", size, len(target))
    seen = np.ones(target.shape[:2], bool) if visible is None else np.asarray(visible, bool)
    if seen.shape != target.shape[:2]:
        raise InputError("visible", f"shape {target.shape[:2]}", str(seen.shape))
    result = np.empty(len(target))
    step = max(1, _CHUNK // max(1, target[0].size)) if len(target) else 1
    for start in range(0, len(target), step):
        part = slice(start, start + step)
        result[part] = _mean_distance(source[part], target[part], seen[part])
    return 100 * result / unit


def centre_depth(points: ArrayLike) -> Array:
    """Points (N,K,3) with the mean of z taken off, as SADRNet compares depth (`loss.py`).

    The depth of a weak perspective camera is free up to a constant.
    """
    centred = _points("points", points).astype(np.float64)
    if centred.shape[2] != 3:
        raise InputError("points", "shape (N,K,3)", str(centred.shape))
    centred[..., 2] -= centred[..., 2].mean(1, keepdims=True)
    return centred


def aligned(predicted: ArrayLike, truth: ArrayLike) -> Array:
    """Predicted points moved onto the truth by each item's least-squares similarity (Umeyama 1991).

    SADRNet calls the like "rec"; its code takes the scale from the distances to one vertex instead.

    >>> truth = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]])
    >>> bool(np.allclose(aligned(2 * truth + 5, truth), truth))
    True

    Args:
        predicted: (N,K,3); items with NaN stay NaN.
        truth: (N,K,3), point k of which corresponds to point k of `predicted`.

    Returns:
        (N,K,3) in the frame of `truth`.

    Raises:
        InputError: unequal shapes or a truth that is not finite.
    """
    import torch

    from ...geometry.align import similarity_align

    source, target = _points("predicted", predicted), _points("truth", truth)
    if source.shape != target.shape:
        raise InputError("predicted", f"the truth's shape {target.shape}", str(source.shape))
    result = np.full(source.shape, np.nan)
    good = np.flatnonzero(np.isfinite(source).all((1, 2)))
    step = max(1, _CHUNK // max(1, target[0].size)) if len(target) else 1
    for start in range(0, len(good), step):
        part = good[start : start + step]
        one, other = (torch.from_numpy(a[part].astype(np.float64)) for a in (source, target))
        with torch.no_grad():
            result[part] = similarity_align(one, other).apply(one).numpy()
    return result


def eye_distance(landmarks: ArrayLike) -> Array:
    """Distance of the outer corners of the eyes, rows 36 and 45 of (N,68,D): (N,)."""
    points = _points("landmarks", landmarks).astype(np.float64)
    if points.shape[1] != 68:
        raise InputError("landmarks", "68 points", str(points.shape[1]))
    return np.linalg.norm(points[:, 36] - points[:, 45], axis=1)


def cumulative(errors: Array, limits: Array) -> Array:
    """Share of all items, in percent, with an error up to each limit; failed ones never count."""
    errors = np.asarray(errors, np.float64)
    if not len(errors):
        raise InputError("errors", "at least one item", "none")
    ordered = np.sort(errors[~np.isnan(errors)])
    return 100 * np.searchsorted(ordered, limits, side="right") / len(errors)


def _mean_distance(predicted: NDArray, truth: NDArray, visible: NDArray[np.bool_]) -> Array:
    if not np.isfinite(truth[visible]).all():
        raise InputError("truth", "finite numbers", "NaN or infinity in the ground truth")
    count = visible.sum(1)
    if not count.all():
        row = int(np.flatnonzero(count == 0)[0])
        raise InputError("visible", "at least one point in every item", f"none in row {row}")
    gap = np.subtract(predicted, truth, dtype=np.float64)
    gap[~visible] = 0
    failed = ~np.isfinite(gap).all((1, 2))
    gap[failed] = 0
    mean = np.sqrt(np.einsum("nkd,nkd->nk", gap, gap)).sum(1) / count
    mean[failed] = np.nan
    return mean


def _points(label: str, points: ArrayLike) -> NDArray:
    array = np.asarray(points)
    if array.dtype.kind not in "fiu":
        raise InputError(label, "numbers", str(array.dtype))
    if array.ndim != 3 or array.shape[1] < 1 or array.shape[2] not in (2, 3):
        raise InputError(label, "shape (N,K,2) or (N,K,3)", str(array.shape))
    return array


def _lengths(label: str, values: ArrayLike, count: int) -> Array:
    lengths = np.asarray(values, np.float64)
    if lengths.shape != (count,) or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise InputError(label, f"{count} positive lengths", f"shape {lengths.shape}, or others")
    return lengths


@dataclass(frozen=True)
class BinMeans:
    """Means by |yaw|.

    Attributes:
        means: of each bin; NaN for an empty one.
        counts: items of each bin.
        mean_of_bins: mean of the three means, the "Mean" of 3DDFA, CSANet and R3FA; NaN where a
            bin is empty.
        std_of_bins: their standard deviation (divided by 3), the "Std" of the same tables.
        sample_mean: mean over all items, the "Mean" of SADRNet.
    """

    means: tuple[float, float, float]
    counts: tuple[int, int, int]
    mean_of_bins: float
    std_of_bins: float
    sample_mean: float


def yaw_bins(yaw_deg: Array) -> NDArray[np.int64]:
    """Which of `BINS` each yaw belongs to.

    >>> yaw_bins([-12.0, 30.0, 45.0, -80.0])
    array([0, 0, 1, 2])

    Args:
        yaw_deg: (N,) degrees.

    Returns:
        (N,) of 0, 1 or 2.

    Raises:
        InputError: a yaw that is not finite.
    """
    yaw_deg = np.asarray(yaw_deg, np.float64)
    if not np.isfinite(yaw_deg).all():
        raise InputError("yaw_deg", "finite angles", "NaN or infinity")
    absolute = np.abs(yaw_deg)
    return (absolute > 30).astype(np.int64) + (absolute > 60)


def bin_means(errors: Array, bins: NDArray[np.int64]) -> BinMeans:
    """Means of errors by bin.

    >>> found = bin_means(np.array([2.0, 4.0, 5.0, 9.0]), np.array([0, 0, 1, 2]))
    >>> found.means, found.sample_mean
    ((3.0, 5.0, 9.0), 5.0)

    Args:
        errors: (N,) of any unit.
        bins: (N,) of 0, 1 or 2, as `yaw_bins` gives them.

    Raises:
        InputError: different lengths, no item, or NaN: failures are the caller's to count.
    """
    errors = np.asarray(errors, np.float64)
    if errors.shape != bins.shape or errors.ndim != 1 or not len(errors):
        raise InputError("errors", f"shape {bins.shape}, at least one", str(errors.shape))
    if np.isnan(errors).any():
        raise InputError("errors", "numbers", "NaN", "Count failures, or give them a value.")
    members = [errors[bins == k] for k in range(3)]
    means = [float(m.mean()) if len(m) else math.nan for m in members]
    return BinMeans(
        (means[0], means[1], means[2]),
        (len(members[0]), len(members[1]), len(members[2])),
        float(np.mean(means)),
        float(np.std(means)),
        float(errors.mean()),
    )


def weighted_mean(means: Sequence[float], counts: Sequence[int]) -> float:
    """The sample mean that bin means and their counts imply."""
    return float(np.average(means, weights=counts))


def balanced_subset(bins: NDArray[np.int64], seed: int, each: int | None = None) -> NDArray:
    """Row numbers of a random subset with as many items of every bin, sorted.

    Args:
        bins: (N,) of 0, 1, 2.
        seed: of the draw.
        each: items of a bin; None takes the size of the smallest. 696 = 3 x 232 of the papers is
            what AFLW's labels give for all of AFLW2000-3D.

    Raises:
        InputError: a bin has fewer.
    """
    smallest = min(int((bins == k).sum()) for k in range(3))
    number = smallest if each is None else each
    if not 0 < number <= smallest:
        raise InputError("balanced subset", f"1 to {smallest} items of each bin", str(number))
    random = np.random.default_rng(seed)
    parts = [random.choice(np.flatnonzero(bins == k), number, replace=False) for k in range(3)]
    return np.sort(np.concatenate(parts))
