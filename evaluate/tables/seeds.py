"""Runs of one method with several seeds as one: means over the seeds, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from ..report.compare import LEVEL
from .design import Source
from .runs import Measured, Run


@dataclass(frozen=True)
class SeededRun(Run):
    """A run in the place of several that differ by their seed alone.

    Attributes:
        label: of the method.
        reports: those of the first seed, which say what was measured.
        seeds: all runs, the first one too.
    """

    seeds: tuple[Run, ...] = ()

    def find(self, source: Source) -> Measured | None:
        """The mean over the seeds that have the figure, with the half width of its interval.

        Raises:
            InputError: one seed has the figure twice.
        """
        found = [one for one in (run.find(source) for run in self.seeds) if one is not None]
        if not found:
            return None
        spreads = [one.figure.std for one in found if one.figure.std is not None]
        values = [one.figure.value for one in found]
        figure = replace(
            found[0].figure,
            value=float(np.mean(values)),
            std=float(np.mean(spreads)) if len(spreads) == len(found) else None,
        )
        return Measured(figure, found[0].report, half_width(values), len(found))


def half_width(values: Sequence[float]) -> float | None:
    """Half the width of the interval of a mean by Student's t, in the values' unit.

    >>> half_width([3.0])

    Args:
        values: of the seeds, taken as drawn from a normal distribution; fewer than two: None.
    """
    count = len(values)
    if count < 2:
        return None
    quantile = float(student.ppf(0.5 + LEVEL / 200, count - 1))
    return quantile * float(np.std(values, ddof=1)) / math.sqrt(count)
