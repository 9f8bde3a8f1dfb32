"""A comparison as text for a terminal and as a page of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from ...core.whole_file import prepare_folder, write_text
from .compare import (
    LEVEL,
    RESAMPLES,
    SEED,
    Comparison,
    Difference,
    MetricRow,
    comparison_of,
    labels_of,
)
from .report import Metric, load_report
from .text import Cell, Row, Table, decimals_for, number, render_page

Grid = tuple[list[str], list[list[str]]]
"""Headings and rows, of equal length."""
_TEXTS = 1  # columns of a grid that hold words, at least; the others hold numbers
_METHOD = (
    f"Second minus first over the items that both have and neither failed on; {LEVEL:g} % "
    f"percentile bootstrap intervals of {RESAMPLES:,} resamples of items, seed {SEED}. "
    "* marks an interval without 0."
)


def compare_reports(paths: Sequence[Path], out: Path | None = None) -> str:
    """Compare saved reports; the comparison as text.

    Args:
        paths: report.json files or the folders that hold them, at least two.
        out: folder that compare.html is written into.

    Raises:
        MissingFileError, InputError: as `load_report` and `comparison_of`.
    """
    comparison = comparison_of([load_report(path) for path in paths], labels_of(paths))
    if out is not None:
        prepare_folder(out)
        write_text(out / "compare.html", comparison_page(comparison))
    return comparison_text(comparison)


def comparison_text(comparison: Comparison) -> str:
    """Aligned columns of plain text, also good in a pipe."""
    lines = [f"Protocol {comparison.protocol}"]
    lines += [f"  {label}: {text}" for label, text in _about(comparison)]
    if comparison.options:
        lines += ["", "Options that differ", *_aligned(_options(comparison))]
    for title, rows in _tables(comparison):
        lines += ["", title, *_aligned(_figures(comparison, rows))]
    if comparison.differences:
        lines += ["", "Paired differences", *_aligned(_differences(comparison)), "", _METHOD]
    else:
        lines += ["", "No paired differences: the reports share no items of equal columns."]
    return "\n".join(lines)


def comparison_page(comparison: Comparison) -> str:
    """One page of HTML that needs no network."""
    about = ["report", "what ran"], [list(row) for row in _about(comparison)]
    differences = comparison.differences
    return render_page(
        "comparison.html",
        title=f"selfie3d: comparison, {comparison.protocol}",
        protocol=comparison.protocol,
        about=_table(about),
        options=_table(_options(comparison)) if comparison.options else None,
        tables=[(title, _table(_figures(comparison, rows))) for title, rows in _tables(comparison)],
        differences=_table(_differences(comparison)) if differences else None,
        method=_METHOD,
    )


def _about(comparison: Comparison) -> list[tuple[str, str]]:
    return [
        (label, f"{r.variant} ({len(r.items.names):,} items, {len(r.failures):,} failed)")
        for label, r in zip(comparison.labels, comparison.reports, strict=True)
    ]


def _options(comparison: Comparison) -> Grid:
    rows = [[key, *texts] for key, texts in comparison.options.items()]
    return ["option", *comparison.labels], rows


def _tables(comparison: Comparison) -> Iterator[tuple[str, list[MetricRow]]]:
    for title, rows in groupby(comparison.rows, key=lambda row: row.figure.table):
        yield title, list(rows)


def _figures(comparison: Comparison, rows: Sequence[MetricRow]) -> Grid:
    """Words come last; split and annotation are left out where the table's name says them."""
    words = [word for word in ("split", "annotation", "mean") if not _said(word, rows)]
    grid = []
    for row in rows:
        same = [c for r in rows if r.figure.unit == row.figure.unit for c in r.cells if c]
        places = decimals_for(cell.value for cell in same)
        cells = [_value(cell, places, row.cells) for cell in row.cells]
        about = [getattr(row.figure, word) for word in words]
        grid.append([row.figure.name, *cells, row.figure.unit, *about])
    return ["figure", *comparison.labels, "unit", *words], grid


def _said(word: str, rows: Sequence[MetricRow]) -> bool:
    return all(getattr(row.figure, word) in row.figure.table for row in rows)


def _value(cell: Metric | None, places: int, row: Sequence[Metric | None]) -> str:
    """The value with its spread, and with its count where the reports' counts differ."""
    if cell is None:
        return ""
    text = number(cell.value, places)
    if cell.std is not None:
        text += f" ± {number(cell.std, places)}"
    alike = len({other.count for other in row if other is not None}) == 1
    return text if alike else f"{text} (n = {cell.count:,})"


def _differences(comparison: Comparison) -> Grid:
    head = ["column", "second - first", "items", "first", "second", "difference", "interval"]
    shown = comparison.differences
    failed = any(any(d.failed) for d in shown)
    apart = any(any(d.apart) for d in shown)
    head += ["failed"] * failed + ["only in one"] * apart
    return head, [_difference(comparison, d, failed, apart) for d in shown]


def _difference(comparison: Comparison, d: Difference, failed: bool, apart: bool) -> list[str]:
    places = max(3, decimals_for(d.means))
    pair = f"{comparison.labels[d.second]} - {comparison.labels[d.first]}"
    gap = f"{_signed(d.difference, places)}{' *' if d.clear else ''}"
    interval = f"{_signed(d.low, places)} to {_signed(d.high, places)}"
    cells = [d.column, pair, f"{d.count:,}", *(number(m, places) for m in d.means), gap, interval]
    cells += [" / ".join(f"{n:,}" for n in d.failed)] * failed
    return cells + [" / ".join(f"{n:,}" for n in d.apart)] * apart


def _signed(value: float, places: int) -> str:
    return ("+" if value > 0 else "") + number(value, places)


def _is_number(text: str) -> bool:
    return not text or text.lstrip("+−")[:1].isdigit() or text[:1] in "–∞"


def _right(grid: Grid) -> list[bool]:
    """Which columns hold numbers only; the first never does."""
    columns = zip(*grid[1], strict=True)
    return [k >= _TEXTS and all(map(_is_number, column)) for k, column in enumerate(columns)]


def _aligned(grid: Grid) -> list[str]:
    head, rows = grid
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    right = _right(grid)
    return [
        "  "
        + "  ".join(
            text.rjust(width) if side else text.ljust(width)
            for text, width, side in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def _table(grid: Grid) -> Table:
    right = _right(grid)
    head = [Cell(text, side) for text, side in zip(grid[0], right, strict=True)]
    rows: list[Row] = [
        ("", [Cell(text, side) for text, side in zip(row, right, strict=True)]) for row in grid[1]
    ]
    return Table(head, rows)
