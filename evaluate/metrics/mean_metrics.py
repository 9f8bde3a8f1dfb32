"""Means of errors as metrics of a report, with what failed.

Landmark errors are in percent and have a worst value, so that failed images count in their means;
errors of other kinds have none, and a mean without the failed ones is called so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..report.report import Curve, Metric
from .landmarks import BINS, balanced_subset, bin_means, cumulative

Array = NDArray[np.float64]

FAILED_AT = 100.0
"""Percent that a failed image counts as in a mean: as far off as the face is large."""
FOUND = ", found only"
"""Ends the names of means that leave failed images out."""
_MEANS = {
    "mean of bins": "mean of the three bins' means; std over these three",
    "sample mean": "mean over images; std over images",
}

_MEAN = "mean over items; std over items"


def binned_metrics(
    table: str,
    errors: Array,
    bins: NDArray[np.int64],
    *,
    split: str = "",
    annotation: str = "",
    seeds: int = 0,
) -> list[Metric]:
    """Bins, mean of bins, sample mean and balanced mean of errors (N,) in percent.

    Failed images (NaN) count as `FAILED_AT`; where there are any, the means without them follow
    under names that say so.
    """
    failed = np.isnan(errors)
    filled = np.where(failed, FAILED_AT, errors)
    about = {"split": split, "annotation": annotation}
    metrics = _means(table, filled, bins, "", about)
    metrics += _balanced(table, filled, bins, seeds, about)
    if failed.any() and not failed.all():
        metrics += _means(table, errors[~failed], bins[~failed], FOUND, about)
    return metrics


def mean_metrics_of(table: str, errors: Array, unit: str, annotation: str = "") -> list[Metric]:
    """The mean over images alone, failed ones as `FAILED_AT`, and over the found."""
    failed = np.isnan(errors)
    filled = np.where(failed, FAILED_AT, errors)
    parts = [("", filled)]
    if failed.any() and not failed.all():
        parts.append((FOUND, errors[~failed]))
    return [
        Metric(
            table, f"sample mean{end}", float(values.mean()), unit, len(values),
            float(values.std()), annotation=annotation, mean=_MEANS["sample mean"],
        )
        for end, values in parts
    ]  # fmt: skip


def failure_metric(table: str, failed: int, count: int) -> Metric:
    """How many of `count` images failed, in percent."""
    return Metric(table, "failed", 100 * failed / count, "%", count, mean="share of images")


def cumulative_curve(title: str, series: dict[str, Array], limit: float = 10.0) -> Curve:
    """Cumulative error distribution up to `limit` percent."""
    limits = np.linspace(0, limit, 101)
    lines = {name: (limits.tolist(), cumulative(e, limits).tolist()) for name, e in series.items()}
    return Curve(title, "NME, %", "images with at most this error, %", lines)


def yaw_curve(title: str, yaw_deg: Array, series: dict[str, Array]) -> Curve:
    """Mean error of the found images over |yaw| in steps of ten degrees."""
    absolute = np.abs(yaw_deg)
    step = np.minimum(absolute // 10, 9).astype(int)
    lines = {}
    for name, errors in series.items():
        members = [errors[(step == k) & ~np.isnan(errors)] for k in range(10)]
        there = [(10.0 * k + 5, float(m.mean())) for k, m in enumerate(members) if len(m)]
        lines[name] = ([x for x, _ in there], [y for _, y in there])
    return Curve(title, "|yaw|, degrees (the last step holds all above 90)", "NME, %", lines)


def _means(
    table: str, errors: Array, bins: NDArray[np.int64], end: str, about: dict[str, str]
) -> list[Metric]:
    by_bin = bin_means(errors, bins)
    metrics = [
        Metric(table, f"{name}{end}", mean, "%", count, None, mean="mean over images", **about)
        for name, mean, count in zip(BINS, by_bin.means, by_bin.counts, strict=True)
        if count
    ]
    if all(by_bin.counts):
        metrics.append(
            Metric(
                table, f"mean of bins{end}", by_bin.mean_of_bins, "%", len(errors),
                by_bin.std_of_bins, mean=_MEANS["mean of bins"], **about,
            )
        )  # fmt: skip
    metrics.append(
        Metric(
            table, f"sample mean{end}", by_bin.sample_mean, "%", len(errors),
            float(errors.std()), mean=_MEANS["sample mean"], **about,
        )
    )  # fmt: skip
    return metrics


def _balanced(
    table: str, errors: Array, bins: NDArray[np.int64], seeds: int, about: dict[str, str]
) -> list[Metric]:
    smallest = min(int((bins == k).sum()) for k in range(3))
    each = min(smallest, 232)
    if not each or not seeds:
        return []
    means: Sequence[float] = [
        float(errors[balanced_subset(bins, seed, each)].mean()) for seed in range(seeds)
    ]
    words = f"mean over {3 * each} = 3 x {each} random images; mean and std over {seeds} seeds"
    return [
        Metric(
            table, "balanced", float(np.mean(means)), "%", 3 * each,
            float(np.std(means)), mean=words, **about,
        )
    ]  # fmt: skip


def metrics_of_found(
    table: str,
    columns: Mapping[str, NDArray[np.float64]],
    units: Mapping[str, str],
    failed_as: Mapping[str, float] | None = None,
) -> list[Metric]:
    """The mean of every column.

    Where items failed, a mean over the others has "found only" in its name, so that it is not
    taken for one over all; NaN where all failed.

    Args:
        table: heading.
        columns: name to (N,) values, NaN: failed.
        units: name to unit; absent: none.
        failed_as: name to the value that a failed item has in the mean over all; None: such errors
            have no worst value, and there is no mean over all where items failed.
    """
    metrics, found_only = [], []
    for name, values in columns.items():
        finite, unit = values[~np.isnan(values)], units.get(name, "")
        if len(finite) < len(values):
            found_only.append(_metric(table, f"{name}{FOUND}", finite, unit))
        if failed_as is not None:
            filled = np.where(np.isnan(values), failed_as[name], values)
            metrics.append(_metric(table, name, filled, unit))
        elif len(finite) == len(values):
            metrics.append(_metric(table, name, values, unit))
    return metrics + found_only


def _metric(table: str, name: str, values: NDArray[np.float64], unit: str) -> Metric:
    if not len(values):
        return Metric(table, name, np.nan, unit, 0, mean=_MEAN)
    return Metric(table, name, float(values.mean()), unit, len(values), _std(values), mean=_MEAN)


def _std(values: NDArray[np.float64]) -> float | None:
    """None where equal images gave an infinite PSNR."""
    return float(values.std()) if np.isfinite(values).all() else None
