"""A paper's tables with rows of our runs: every number of ours names its run and protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from ...core.errors import SettingError
from ..report.report import Curve, Report
from ..report.text import number
from .design import Column, PaperTable, PrintedRow
from .runs import Measured, Run, differences

_CURVES = "Cumulative error"
_BLANK = ""


@dataclass(frozen=True)
class FilledRow:
    """A row of texts; `ours` says whose."""

    method: str
    cells: tuple[str, ...]
    ours: bool


@dataclass(frozen=True)
class FilledTable:
    """A table as it is written.

    Attributes:
        title, columns: as the paper's.
        rows: printed ones, then ours.
        marks: of notes, and what they say.
        notes: about the whole table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[FilledRow, ...]
    marks: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def fill(table: PaperTable, runs: Sequence[Run], mixed: bool = False) -> FilledTable:
    """A paper's table with a row for each run that measured anything of it.

    Args:
        table: the paper's.
        runs: ours.
        mixed: mark runs that were measured differently; else they are an error.

    Raises:
        SettingError: runs were measured differently.
        InputError: a run measured a figure twice.
    """
    found = {run.label: [_measured(run, column) for column in table.columns] for run in runs}
    apart = _apart(found, mixed)
    marks: list[tuple[str, str]] = []
    rows = [_printed(row, table.columns, marks) for row in table.rows]
    letters: dict[int, str] = {}
    for label, numbers in found.items():
        if any(numbers):
            rows.append(_own(label, numbers, table.columns, letters))
    reports = {id(one.report): (label, one) for label, row in found.items() for one in row if one}
    for key, mark in letters.items():
        label, one = reports[key]
        marks.append((mark, "; ".join([f"{label}: {_protocol(one)}", *apart.get(key, [])])))
    return FilledTable(table.title, table.columns, tuple(rows), tuple(marks), table.notes)


def merged_curves(runs: Sequence[Run]) -> list[Curve]:
    """Cumulative errors of all runs, those of one title in one figure."""
    found: dict[str, Curve] = {}
    for run in runs:
        for report in run.reports.values():
            for curve in report.curves:
                if not curve.title.startswith(_CURVES):
                    continue
                own = {_name(run, name, curve): line for name, line in curve.series.items()}
                known = found.get(curve.title)
                lines = own if known is None else {**known.series, **own}
                found[curve.title] = Curve(curve.title, curve.x_label, curve.y_label, lines)
    return list(found.values())


def _measured(run: Run, column: Column) -> Measured | None:
    return None if column.source is None else run.find(column.source)


def _name(run: Run, name: str, curve: Curve) -> str:
    return run.label if len(curve.series) == 1 else f"{run.label}, {name}"


def _apart(found: dict[str, list[Measured | None]], mixed: bool) -> dict[int, list[str]]:
    """By the report: how it differs from the first one of its protocol."""
    first: dict[str, tuple[str, Report]] = {}
    apart: dict[int, list[str]] = {}
    for label, numbers in found.items():
        for one in filter(None, numbers):
            known, base = first.setdefault(one.report.protocol, (label, one.report))
            texts = differences(base, one.report)
            if texts and not mixed:
                what = f"{one.report.protocol} measured alike in {known} and {label}"
                remedy = "Evaluate them alike; or mark it: --mixed."
                raise SettingError("runs", what, "; ".join(texts), remedy)
            if texts:
                apart[id(one.report)] = ["MEASURED DIFFERENTLY: " + "; ".join(texts)]
    return apart


def _protocol(one: Measured) -> str:
    report = one.report
    failed = f", {len(report.failures):,} failed" if report.failures else ""
    seeds = f", {one.seeds} seeds" if one.seeds > 1 else ""
    return f"{report.protocol}, {report.variant}{failed}{seeds}"


def _printed(row: PrintedRow, columns: Sequence[Column], marks: list[tuple[str, str]]) -> FilledRow:
    named = ""
    if row.notes:
        named = str(len(marks) + 1)
        marks.append((named, f"{row.method}: {'; '.join(row.notes)}"))
    cells = [_text(*pair, c) for pair, c in zip(row.numbers, columns, strict=True)]
    return FilledRow(f"{row.method} [{named}]" if named else row.method, tuple(cells), False)


def _own(
    label: str,
    numbers: Sequence[Measured | None],
    columns: Sequence[Column],
    letters: dict[int, str],
) -> FilledRow:
    cells = []
    for one, column in zip(numbers, columns, strict=True):
        if one is None or column.source is None:
            cells.append(_BLANK)
            continue
        mark = letters.setdefault(id(one.report), _letter(len(letters)))
        factor, figure = column.source.factor, one.figure
        value, std = figure.value, figure.std
        if column.source.spread:
            value, std = math.nan if std is None else std, None
        std = None if std is None else factor * std
        text = _text(factor * value, std, column)
        if one.interval is not None and not column.source.spread:
            text += f" (± {number(factor * one.interval, column.places)})"
        cells.append(f"{text} [{mark}]")
    return FilledRow(f"{label} (ours)", tuple(cells), True)


def _text(value: float | None, std: float | None, column: Column) -> str:
    if value is None:
        return _BLANK
    text = number(value, column.places)
    spread = column.with_spread and std is not None
    return f"{text} ± {number(std, column.places)}" if spread else text


def _letter(count: int) -> str:
    more, place = divmod(count, len(ascii_lowercase))
    return ("" if not more else _letter(more - 1)) + ascii_lowercase[place]
