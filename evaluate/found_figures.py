"""Means over items, with what failed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .figures import FOUND
from .report import Figure

_MEAN = "mean over items; std over items"


def found_figures(
    table: str,
    columns: Mapping[str, NDArray[np.float64]],
    units: Mapping[str, str],
    failed_as: Mapping[str, float] | None = None,
) -> list[Figure]:
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
    figures, found_only = [], []
    for name, values in columns.items():
        found, unit = values[~np.isnan(values)], units.get(name, "")
        if len(found) < len(values):
            found_only.append(_figure(table, f"{name}{FOUND}", found, unit))
        if failed_as is not None:
            filled = np.where(np.isnan(values), failed_as[name], values)
            figures.append(_figure(table, name, filled, unit))
        elif len(found) == len(values):
            figures.append(_figure(table, name, values, unit))
    return figures + found_only


def _figure(table: str, name: str, values: NDArray[np.float64], unit: str) -> Figure:
    if not len(values):
        return Figure(table, name, np.nan, unit, 0, mean=_MEAN)
    return Figure(table, name, float(values.mean()), unit, len(values), _std(values), mean=_MEAN)


def _std(values: NDArray[np.float64]) -> float | None:
    """None where equal images gave an infinite PSNR."""
    return float(values.std()) if np.isfinite(values).all() else None
