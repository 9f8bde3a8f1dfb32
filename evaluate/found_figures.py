"""Means over items for errors without a natural worst value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .figures import FOUND
from .report import Figure


def found_figures(
    table: str, columns: Mapping[str, NDArray[np.float64]], units: Mapping[str, str]
) -> list[Figure]:
    """The mean of every column over the items that did not fail.

    Where some failed, the names say "found only", so that such a mean is not taken for one over
    all; NaN where all failed.

    Args:
        table: heading.
        columns: name to (N,) values, NaN: failed.
        units: name to unit.
    """
    figures = []
    for name, values in columns.items():
        found = values[~np.isnan(values)]
        mean, std = (float(found.mean()), float(found.std())) if len(found) else (np.nan, None)
        label = name if len(found) == len(values) else f"{name}{FOUND}"
        kind = "mean over items; std over items"
        figures.append(Figure(table, label, mean, units[name], len(found), std, mean=kind))
    return figures
