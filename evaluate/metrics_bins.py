"""Means over yaw: bins, mean of bins, sample mean, balanced subsets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

Array = NDArray[np.float64]
BINS = ("0 to 30", "30 to 60", "60 to 90")
"""|yaw| in degrees: up to 30, above 30 up to 60, above 60. What reads above 90 is in the last."""


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
    """Which of `BINS` each yaw (N,) in degrees belongs to, 0, 1 or 2.

    Raises:
        InputError: a yaw that is not finite.
    """
    yaw_deg = np.asarray(yaw_deg, np.float64)
    if not np.isfinite(yaw_deg).all():
        raise InputError("yaw_deg", "finite angles", "NaN or infinity")
    absolute = np.abs(yaw_deg)
    return (absolute > 30).astype(np.int64) + (absolute > 60)


def bin_means(errors: Array, bins: NDArray[np.int64]) -> BinMeans:
    """Means of errors (N,) by bin (N,).

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
