"""report.html: one page that needs no network, with everything that a run found.

It shows the tables of metrics with the rows of papers beside them, curves, pictures, the items that
failed, and how the run was made.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ...core.errors import InputError
from ...core.whole_file import prepare_folder, write_text
from .chart import curve_chart
from .report import Metric, Picture, Published, Report
from .text import Cell, Row, Table, decimals_for, number, render_page

_LARGEST = 1600  # pixels of a picture's longer side
_BROAD = 600  # pixels of width from which a picture takes the whole line
_MOST_FAILURES = 300
_DIGIT, _POINT = "\u2007", "\u2008"  # blanks as wide as a digit, as a point


@dataclass(frozen=True)
class _Section:
    """A heading's figures, and published rows beside them."""

    title: str
    figures: Table
    published: Table | None


@dataclass(frozen=True)
class _Shown:
    """A picture as the page embeds it; `source` is a data URI."""

    title: str
    caption: str
    source: str
    width: int
    height: int

    @property
    def broad(self) -> bool:
        return self.width >= _BROAD


def write_html(report: Report, out: Path) -> Path:
    """Write the page of a report as the file `out`, making its folder; returns the file.

    Raises:
        InputError: a picture is not uint8 (H,W,3).
    """
    path = Path(out)
    prepare_folder(path.parent)
    write_text(path, report_page(report))
    return path


def report_page(report: Report) -> str:
    """The page of a report as HTML, pictures embedded."""
    failures = list(report.failures.items())
    return render_page(
        "report.html",
        title=f"selfie3d: {report.protocol}",
        report=report,
        total=len(report.items.names),
        failed=len(failures),
        sections=_sections(report.figures, report.published),
        charts=[Markup(curve_chart(curve)) for curve in report.curves],
        pictures=[_shown(picture) for picture in report.pictures],
        failures=_pairs("item", "reason", failures[:_MOST_FAILURES]),
        unlisted=max(len(failures) - _MOST_FAILURES, 0),
        settings=_pairs("setting", "value", _flat(report.run)),
    )


def _sections(figures: Sequence[Metric], published: Sequence[Published]) -> list[_Section]:
    """For each heading that figures stand under: the figures, then published rows beside them."""
    parts = []
    for name in dict.fromkeys(figure.table for figure in figures):
        in_table = [figure for figure in figures if figure.table == name]
        rows = [row for row in published if row.table == name]
        beside = _published_table(in_table, rows) if rows else None
        parts.append(_Section(name, _figure_table(in_table), beside))
    return parts


def _figure_table(figures: Sequence[Metric]) -> Table:
    fields = [f for f in ("split", "annotation", "mean") if any(getattr(x, f) for x in figures)]
    spread = any(figure.std is not None for figure in figures)
    columns = [Cell("figure"), Cell("value", True)]
    columns += [Cell("±\u00a0std", True)] if spread else []
    columns += [Cell("unit"), Cell("over", True), *map(Cell, fields)]
    rows: list[Row] = []
    for figure in figures:
        places = _decimals(figures, figure.unit)
        cells = [Cell(figure.name), Cell(number(figure.value, places), True)]
        if spread:
            cells.append(Cell("" if figure.std is None else number(figure.std, places), True))
        cells += [Cell(figure.unit), Cell(f"{figure.count:,}", True)]
        rows.append(("", cells + [Cell(getattr(figure, field)) for field in fields]))
    return Table(columns, rows)


def _decimals(figures: Sequence[Metric], unit: str) -> int:
    return decimals_for(figure.value for figure in figures if figure.unit == unit)


def _published_table(figures: Sequence[Metric], published: Sequence[Published]) -> Table:
    wanted = {name for row in published for name in row.values}
    known = list(dict.fromkeys(f.name for f in figures if f.name in wanted))
    names = known + sorted(wanted - set(known))
    units = {figure.name: figure.unit for figure in figures}
    heads = [Cell(f"{n}, {units[n]}" if units.get(n) else n, True) for n in names]
    rows: list[Row] = []
    for label, values in _own_rows(figures, names):
        texts = [
            number(values[n], _decimals(figures, units[n])) if n in values else "" for n in names
        ]
        rows.append(("ours", [Cell("this run"), *(Cell(t, True) for t in texts), Cell(label)]))
    printed = {n: _as_printed([r.values.get(n) for r in published]) for n in names}
    for k, row in enumerate(published):
        texts = [printed[n][k] for n in names]
        source = Cell(f"published: {row.source}")
        rows.append(("published", [Cell(row.method), *(Cell(t, True) for t in texts), source]))
    return Table([Cell("method"), *heads, Cell("source")], rows)


def _as_printed(values: Sequence[float | None]) -> list[str]:
    """Numbers with the digits that they have, their points below each other."""
    texts = ["" if v is None else f"{v:,.10g}".replace("-", "−") for v in values]
    digits = [len(text.partition(".")[2]) for text in texts]
    blanks = [max(digits) - count for count in digits]
    ends = [_POINT * (n > 0 and "." not in text) for n, text in zip(blanks, texts, strict=True)]
    return [
        f"{text}{end}{_DIGIT * n}" if text else ""
        for text, end, n in zip(texts, ends, blanks, strict=True)
    ]


def _own_rows(
    figures: Sequence[Metric], names: Sequence[str]
) -> list[tuple[str, dict[str, float]]]:
    """Figures by annotation and split (one without a split fits any); twins take another row."""
    rows: list[dict[str, Metric]] = []
    for figure in figures:
        if figure.name not in names:
            continue
        row = next((row for row in rows if _fits(figure, row)), None)
        if row is None:
            row = {}
            rows.append(row)
        row[figure.name] = figure
    return [(_label(row.values()), {n: f.value for n, f in row.items()}) for row in rows]


def _fits(figure: Metric, row: Mapping[str, Metric]) -> bool:
    splits = {other.split for other in row.values()} | {figure.split}
    same = all(other.annotation == figure.annotation for other in row.values())
    return same and figure.name not in row and len(splits - {""}) <= 1


def _label(figures: Iterable[Metric]) -> str:
    texts = [text for figure in figures for text in (figure.split, figure.annotation)]
    return "; ".join(["measured", *dict.fromkeys(filter(None, texts))])


def _shown(picture: Picture) -> _Shown:
    array = np.asarray(picture.image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        got = f"{array.dtype} {array.shape}"
        raise InputError(f"picture {picture.title!r}", "uint8 (H,W,3)", got)
    height, width = array.shape[:2]
    return _Shown(picture.title, picture.caption, _data_uri(array), width, height)


def _data_uri(array: np.ndarray) -> str:
    """The smaller of PNG and JPEG."""
    from PIL import Image

    image = Image.fromarray(array)
    image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    options: dict[str, dict[str, Any]] = {"png": {}, "jpeg": {"quality": 88, "subsampling": 0}}
    files: dict[str, bytes] = {}
    for kind, settings in options.items():
        buffer = io.BytesIO()
        image.save(buffer, kind, **settings)
        files[kind] = buffer.getvalue()
    smallest = min(files, key=lambda kind: len(files[kind]))
    return f"data:image/{smallest};base64,{base64.b64encode(files[smallest]).decode('ascii')}"


def _pairs(first: str, second: str, pairs: Sequence[tuple[str, str]]) -> Table | None:
    if not pairs:
        return None
    rows: list[Row] = [("", [Cell(one), Cell(other)]) for one, other in pairs]
    return Table([Cell(first), Cell(second)], rows)


def _flat(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            rows.append((f"{prefix}{key}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{key}", "" if value is None else str(value)))
    return rows
