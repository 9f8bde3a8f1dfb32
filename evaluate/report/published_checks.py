"""Whether the numbers of printed rows belong together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..metrics.landmarks import weighted_mean
from .published import COUNTS, BinRow, misprint


@dataclass(frozen=True)
class Mismatch:
    """A printed number that the row's own bins do not give.

    Attributes:
        row: as printed.
        what: "mean" or "std".
        printed: by the paper.
        computed: from the bins.
        of_sample: the printed std is the bins' sample standard deviation.
    """

    row: BinRow
    what: str
    printed: float
    computed: float
    of_sample: bool = False


def check_rows(rows: Iterable[BinRow], ulps: float = 1.0) -> list[Mismatch]:
    """Every printed mean and std that its row's bins do not give.

    The bins are rounded, too, and the table's last digit may be cut off instead of rounded.

    Args:
        rows: of a table.
        ulps: how many units of the last printed digit are allowed.
    """
    mismatches = []
    for row in rows:
        if row.bins is None:
            continue
        unit = 10.0 ** -_digits(row)
        computed = {"mean": float(np.mean(row.bins)), "std": float(np.std(row.bins))}
        for what, printed in (("mean", row.mean), ("std", row.std)):
            allowed = (ulps + 1e-6) * unit
            if printed is not None and abs(printed - computed[what]) > allowed:
                spread = float(np.std(row.bins, ddof=1))
                of_sample = what == "std" and abs(printed - spread) <= allowed
                mismatches.append(Mismatch(row, what, printed, computed[what], of_sample))
    return mismatches


def sample_mean(row: BinRow, counts: tuple[int, int, int] | None = None) -> float:
    """The mean over images that a row's bins give, with the counts of its data set or others."""
    if row.bins is None:
        return float("nan")
    return weighted_mean(row.bins, counts or COUNTS[row.data])


def notes_of(row: BinRow) -> list[str]:
    """What is odd in a row as printed: known misprints, and figures that its bins do not give."""
    named = misprint(row)
    notes = [named] if named else []
    for wrong in check_rows([row]):
        if wrong.of_sample:
            notes.append("std is the sample standard deviation of the bins")
        elif not named:
            notes.append(f"the bins give a {wrong.what} of {wrong.computed:.3f}")
    return notes


def _digits(row: BinRow) -> int:
    """Decimals that the row is printed with; trailing zeros are padding of older results."""
    numbers = [*(row.bins or ()), *(v for v in (row.mean, row.std) if v is not None)]
    return max(len(f"{number:.4f}".rstrip("0").partition(".")[2]) for number in numbers)
