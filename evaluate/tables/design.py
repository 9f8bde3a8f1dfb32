"""What a paper's table is: columns that know where a report has their figure, and printed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..report.published import BINS, BinRow
from ..report.published_checks import notes_of


@dataclass(frozen=True)
class Source:
    """Where our number for a column stands.

    Attributes:
        protocol: of the report.
        table, name: of the figure.
        spread: its standard deviation instead of its value.
        factor: from the figure's unit to the column's.
    """

    protocol: str
    table: str
    name: str
    spread: bool = False
    factor: float = 1.0


@dataclass(frozen=True)
class Column:
    """One column of numbers.

    Attributes:
        group: what stands above several columns: data set, figure, unit.
        heading: of this one.
        source: of our number; None where no protocol of ours measures it.
        places: decimals.
        with_spread: numbers have their deviation beside them.
    """

    group: str
    heading: str
    source: Source | None
    places: int = 2
    with_spread: bool = False


Number = tuple[float | None, float | None]
"""A number and its deviation."""


@dataclass(frozen=True)
class PrintedRow:
    """A row as the paper prints it.

    Attributes:
        method: as it is called there.
        numbers: one for each column.
        notes: what is odd about it.
    """

    method: str
    numbers: tuple[Number, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """One table of a paper.

    Attributes:
        title: paper, number and subject.
        columns: all but that of the methods.
        rows: as printed, in the paper's order.
        notes: about the whole table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[PrintedRow, ...]
    notes: tuple[str, ...] = ()


AFLW2000_68 = "68 points, 2D: original points, bins by fitted pose"
AFLW_21, LFPA_34 = "AFLW, 21 points", "AFLW-LFPA, 34 points"


def bin_columns(protocol: str, table: str, group: str, places: int = 2) -> tuple[Column, ...]:
    """The three bins of |yaw| and their mean."""
    names = (*BINS, "mean of bins")
    heads = (*BINS, "mean")
    return tuple(
        Column(group, head, Source(protocol, table, name), places)
        for head, name in zip(heads, names, strict=True)
    )


def std_column(protocol: str, table: str, group: str, places: int = 2) -> Column:
    """The standard deviation of the three bins' means."""
    return Column(group, "std", Source(protocol, table, "mean of bins", spread=True), places)


def printed(method: str, values: Sequence[float | None], notes: Sequence[str] = ()) -> PrintedRow:
    """A row of plain numbers; None where the paper has none."""
    return PrintedRow(method, tuple((value, None) for value in values), tuple(notes))


def binned(rows: Sequence[BinRow], data: Sequence[str], std: bool = True) -> tuple[PrintedRow, ...]:
    """Rows over several data sets side by side: bins, mean and, if wanted, std of each.

    Args:
        rows: of one table, a method once for each data set at most.
        data: the data sets in the columns' order.
        std: whether there is such a column.
    """
    found: dict[str, dict[str, BinRow]] = {}
    for row in rows:
        found.setdefault(row.method, {})[row.data] = row
    return tuple(_side_by_side(method, own, data, std) for method, own in found.items())


def _side_by_side(
    method: str, own: Mapping[str, BinRow], data: Sequence[str], std: bool
) -> PrintedRow:
    values: list[float | None] = []
    notes = []
    for name in data:
        row = own.get(name)
        bins = (None,) * len(BINS) if row is None or row.bins is None else row.bins
        values += [*bins, None if row is None else row.mean]
        values += [None if row is None else row.std] if std else []
        if row is not None:
            notes += [f"{name}: {note}" if len(data) > 1 else note for note in notes_of(row)]
    return printed(method, values, notes)
