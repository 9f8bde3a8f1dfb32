"""The papers' rows beside ours, and what their means turn out to be.

`Mean` and `Std` of CSANet and R3FA are the mean and the standard deviation (divided by 3) of the
three bins, as 3DDFA's benchmark prints them; `check_rows` lists the rows that do not come out. The
older methods in R3FA's first table (CDM, RCPR, ESR, SDM, 3DDFA) have the sample standard deviation
(divided by 2) instead: `of_sample` marks them.
SADRNet's `Mean` is the mean over images: its bins give it with the counts of the fitted pose, not
with those of AFLW's labels which its text names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .metrics_bins import BINS, weighted_mean
from .published_tables import (
    AFLW2000,
    COUNTS,
    CSANET_ROWS,
    FACERNET,
    FACERNET_ROWS,
    LFPA_ROWS,
    MLANET_ROWS,
    R3FA_ROWS,
    SADRNET,
    SADRNET_ANGLES,
    SADRNET_MEANS,
    SADRNET_POSE,
    SADRNET_REC,
    SADRNET_ROWS,
    BinRow,
)
from .report import Published

ALL_ROWS = CSANET_ROWS + R3FA_ROWS + MLANET_ROWS + FACERNET_ROWS + SADRNET_ROWS
_NOTES = {
    ("DAMDNet", "CSANet, Table 2", "AFLW"): " (bin 0 to 30 misprinted for 4.359)",
    ("MLANet", "MLANet, Table 1", AFLW2000): " (the mean is not that of its bins, 3.467)",
}


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
    found = []
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
                found.append(Mismatch(row, what, printed, computed[what], of_sample))
    return found


def sample_mean(row: BinRow, counts: tuple[int, int, int] | None = None) -> float:
    """The mean over images that a row's bins give, with the counts of its data set or others."""
    if row.bins is None:
        return float("nan")
    return weighted_mean(row.bins, counts or COUNTS[row.data])


def bin_rows(data: str, table: str) -> list[Published]:
    """Rows of all papers for one data set."""
    return [
        Published(table, row.method, row.source + _NOTES.get(_key(row), ""), _values(row))
        for row in ALL_ROWS
        if row.data == data
    ]


def mean_rows(kind: str, table: str) -> list[Published]:
    """SADRNet's means over images: `kind` is a key of `SADRNET_MEANS`."""
    source = SADRNET_REC if kind == "reconstruction" else SADRNET
    return [
        Published(table, method, source, {"sample mean": value})
        for method, value in SADRNET_MEANS[kind].items()
    ]


def pose_rows(table: str) -> list[Published]:
    """SADRNet's table of head pose; its other methods leave out angles beyond 99 degrees."""
    return [
        Published(
            table, method, SADRNET_POSE, dict(zip(("yaw", "pitch", "roll", "mean"), v, strict=True))
        )
        for method, v in SADRNET_ANGLES.items()
    ]


def lfpa_rows(table: str) -> list[Published]:
    """Mobile-FaceRNet's column of AFLW-LFPA."""
    return [
        Published(table, method, FACERNET, {"sample mean": value})
        for method, value in LFPA_ROWS.items()
    ]


def _key(row: BinRow) -> tuple[str, str, str]:
    return row.method, row.source, row.data


def _values(row: BinRow) -> dict[str, float]:
    named = {"mean of bins": row.mean, "balanced": row.balanced, "sample mean": row.sample}
    if row.bins is not None:
        named |= dict(zip(BINS, row.bins, strict=True))
    return {name: value for name, value in named.items() if value is not None}


def _digits(row: BinRow) -> int:
    """Decimals that the row is printed with; trailing zeros are padding of older results."""
    numbers = [*(row.bins or ()), *(v for v in (row.mean, row.std) if v is not None)]
    return max(len(f"{number:.4f}".rstrip("0").partition(".")[2]) for number in numbers)
