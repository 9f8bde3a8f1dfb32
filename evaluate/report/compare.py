"""Several reports of one protocol side by side, with paired bootstrap intervals.

Figures stand in one row when table, name, unit, split, annotation and kind of mean are the same;
otherwise each has its own row. Differences are taken item by item, over the items that both reports
have and neither failed on, so that a method cannot win by failing on what is hard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from .report import Metric, Report

Array = NDArray[np.float64]
RESAMPLES, LEVEL, SEED = 10_000, 95.0, 0
"""Of the bootstrap: resamples, the intervals' level in percent, the generator's seed."""
_CHUNK = 4_000_000  # indices drawn at a time


@dataclass(frozen=True)
class MetricRow:
    """One figure of several reports.

    Attributes:
        figure: the first report's that has it; its value is that report's.
        cells: one for each report, None where it has no such figure.
    """

    figure: Metric
    cells: tuple[Metric | None, ...]


@dataclass(frozen=True)
class Difference:
    """Second report minus first, over the items that both have.

    Attributes:
        column: of `Report.items`; with "mean of bins" the mean is that of the bins' means.
        first, second: numbers of the reports.
        count: items that are in both and failed in neither.
        means: of both, over these.
        low, high: percentile bootstrap interval of the mean difference; NaN for fewer than two.
        failed: items that are in both, and failed in the first, in the second.
        apart: items that only the first, only the second has.
    """

    column: str
    first: int
    second: int
    count: int
    means: tuple[float, float]
    low: float
    high: float
    failed: tuple[int, int]
    apart: tuple[int, int]

    @property
    def difference(self) -> float:
        """Mean of second minus first."""
        return self.means[1] - self.means[0]

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """Reports side by side.

    Attributes:
        protocol: the one protocol of all.
        labels: short names, one for each report, all different.
        reports: in the order given; the first is what the others are compared with.
        rows: every figure of any report.
        differences: one for each column that the first and another report have.
        options: settings that are not the same in all, each with one text for each report.
    """

    protocol: str
    labels: tuple[str, ...]
    reports: tuple[Report, ...]
    rows: tuple[MetricRow, ...]
    differences: tuple[Difference, ...]
    options: Mapping[str, tuple[str, ...]]


def comparison_of(reports: Sequence[Report], labels: Sequence[str]) -> Comparison:
    """Put reports of one protocol side by side.

    Raises:
        InputError: fewer than two, of different protocols, or one that names an item twice.
    """
    if len(reports) < 2 or len(labels) != len(reports):
        got = f"{len(reports)}, with {len(labels)} labels"
        raise InputError("reports", "at least two reports, a label for each", got)
    named = {report.protocol for report in reports}
    if len(named) > 1:
        got = ", ".join(f"{r.protocol} ({n})" for r, n in zip(reports, labels, strict=True))
        remedy = "Their figures do not measure the same; compare them one protocol at a time."
        raise InputError("reports", "reports of one protocol", got, remedy)
    for report, label in zip(reports, labels, strict=True):
        _check_names(report, label)
    comparisons = (_differences(reports, second) for second in range(1, len(reports)))
    return Comparison(
        reports[0].protocol,
        tuple(labels),
        tuple(reports),
        tuple(_rows(reports)),
        tuple(difference for part in comparisons for difference in part),
        _options_apart(reports),
    )


def bootstrap_interval(
    differences: Array,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    *,
    level: float = LEVEL,
    groups: NDArray[np.int64] | None = None,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean (Efron 1979): items are drawn with replacement.

    Args:
        differences: (N,) one for each item, finite.
        seed: of the generator; equal seeds give equal intervals.
        resamples: how often N items are drawn.
        level: percent that the interval holds.
        groups: (N,) numbers; the interval is then that of the mean of the groups' means, and items
            are drawn within their group.

    Returns:
        low and high; NaN where a group has fewer than two items.
    """
    generator = np.random.default_rng(seed)
    parts = [differences]
    if groups is not None:
        parts = [differences[groups == kind] for kind in np.unique(groups)]
    if min(map(len, parts), default=0) < 2:
        return float("nan"), float("nan")
    means = np.mean([_resampled(part, generator, resamples) for part in parts], axis=0)
    low, high = np.percentile(means, [50 - level / 2, 50 + level / 2])
    return float(low), float(high)


def _resampled(values: Array, generator: np.random.Generator, resamples: int) -> Array:
    """Means (resamples,) of as many values drawn with replacement."""
    count = len(values)
    means = np.empty(resamples)
    step = max(1, _CHUNK // count)
    for start in range(0, resamples, step):
        size = (min(step, resamples - start), count)
        means[start : start + step] = values[generator.integers(count, size=size)].mean(1)
    return means


def labels_of(paths: Sequence[Path]) -> list[str]:
    """Short names of report files or folders: the last parts of their paths that differ."""
    files = [Path(path).resolve() for path in paths]
    parts = [(f.parent if f.name == "report.json" else f.with_suffix("")).parts for f in files]
    for length in range(1, max(map(len, parts), default=1) + 1):
        labels = ["/".join(p[-length:]) for p in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{label} ({k})" for k, label in enumerate(labels, 1)]


def _check_names(report: Report, label: str) -> None:
    names = report.items.names
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise InputError(label, "items that are named once each", f"{twice!r} more than once")


def _rows(reports: Sequence[Report]) -> list[MetricRow]:
    found: list[dict[tuple[str, ...], Metric]] = []
    for report in reports:
        metrics: dict[tuple[str, ...], Metric] = {}
        for f in report.figures:
            metrics.setdefault((f.table, f.name, f.unit, f.split, f.annotation, f.mean), f)
        found.append(metrics)
    tables = list(dict.fromkeys(key[0] for metrics in found for key in metrics))
    keys = list(dict.fromkeys(key for metrics in found for key in metrics))
    keys.sort(key=lambda key: tables.index(key[0]))  # stable: tables stay together
    return [
        MetricRow(
            next(metrics[key] for metrics in found if key in metrics),
            tuple(o.get(key) for o in found),
        )
        for key in keys
    ]


def _differences(reports: Sequence[Report], second: int) -> list[Difference]:
    one, other = reports[0].items, reports[second].items
    place = {name: k for k, name in enumerate(other.names)}
    pairs = [(k, place[name]) for k, name in enumerate(one.names) if name in place]
    if not pairs:
        return []
    here, there = np.array(pairs).T
    apart = (len(one.names) - len(pairs), len(other.names) - len(pairs))
    groups = None if one.groups is None else one.groups[here]
    result = []
    for column in one.errors:
        if column in other.errors:
            a, b = one.errors[column][here], other.errors[column][there]
            result.append(_difference(column, second, a, b, apart))
            if groups is not None:
                result.append(_difference(column, second, a, b, apart, groups))
    return result


def _difference(
    column: str,
    second: int,
    a: Array,
    b: Array,
    apart: tuple[int, int],
    groups: NDArray[np.int64] | None = None,
) -> Difference:
    lost = ~np.isfinite(a), ~np.isfinite(b)
    kept = ~(lost[0] | lost[1])
    within = None if groups is None else groups[kept]
    low, high = bootstrap_interval(b[kept] - a[kept], groups=within)
    count = int(kept.sum())
    means = (_mean(a[kept], within), _mean(b[kept], within))
    failed = (int(lost[0].sum()), int(lost[1].sum()))
    name = column if groups is None else f"{column}, mean of bins"
    return Difference(name, 0, second, count, means, low, high, failed, apart)


def _mean(values: Array, groups: NDArray[np.int64] | None) -> float:
    """Mean, of the groups' means where there are any."""
    if not len(values):
        return float("nan")
    if groups is None:
        return float(values.mean())
    return float(np.mean([values[groups == g].mean() for g in np.unique(groups)]))


def _options_apart(reports: Sequence[Report]) -> dict[str, tuple[str, ...]]:
    flat = [dict(flat_options(report.run.get("options"))) for report in reports]
    keys = dict.fromkeys(key for options in flat for key in options)
    texts = {key: tuple(options.get(key, "") for options in flat) for key in keys}
    return {key: values for key, values in texts.items() if len(set(values)) > 1}


def flat_options(value: object, prefix: str = "") -> list[tuple[str, str]]:
    """Names with dots and texts of nested options, such as a report's `run["options"]`."""
    if isinstance(value, Mapping):
        return [
            row
            for k, v in value.items()
            for row in flat_options(v, f"{prefix}.{k}" if prefix else k)
        ]
    return [(prefix, str(value))] if prefix else []
