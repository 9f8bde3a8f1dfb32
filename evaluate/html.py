"""report.html: one page that needs no network, with everything that a run found."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.whole_file import prepare_folder, write_text
from .html_chart import chart
from .html_tables import figure_sections
from .html_text import Cell, Row, heading, page, paragraph, table
from .report import Picture, Report

_LARGEST = 1600  # pixels of a picture's longer side
_BROAD = 600  # pixels of width from which a picture takes the whole line
_MOST_FAILURES = 300


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
    return page(
        f"selfie3d: {report.protocol}",
        [
            heading(f"Evaluation: {report.protocol}", 1),
            paragraph(report.variant, "lead"),
            _counts(report),
            *figure_sections(report.figures, report.published),
            *_grid("Curves", "charts", [chart(curve) for curve in report.curves]),
            *_grid("Pictures", "pictures", [_picture(picture) for picture in report.pictures]),
            *_failures(report.failures),
            *_run(report.run),
        ],
    )


def _counts(report: Report) -> str:
    total, failed = len(report.items.names), len(report.failures)
    if not failed:
        return paragraph(f"{total:,} items, none failed.") if total else ""
    return paragraph(f"{total:,} items, {failed:,} failed: see the list below.", "bad")


def _grid(title: str, kind: str, drawn: Sequence[str]) -> list[str]:
    if not drawn:
        return []
    return [heading(title), f'<div class="{kind}">', *drawn, "</div>"]


def _picture(picture: Picture) -> str:
    array = np.asarray(picture.image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        got = f"{array.dtype} {array.shape}"
        raise InputError(f"picture {picture.title!r}", "uint8 (H,W,3)", got)
    height, width = array.shape[:2]
    broad = ' class="broad"' if width >= _BROAD else ""
    caption = f"<strong>{escape(picture.title)}</strong>"
    caption += f"<br>{escape(picture.caption)}" if picture.caption else ""
    return (
        f'<figure{broad}><img src="{_data_uri(array)}" alt="{escape(picture.title)}" '
        f'width="{width}" height="{height}"><figcaption>{caption}</figcaption></figure>'
    )


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


def _failures(failures: Mapping[str, str]) -> list[str]:
    if not failures:
        return []
    shown = list(failures.items())[:_MOST_FAILURES]
    rows: list[Row] = [("", [Cell(name), Cell(reason)]) for name, reason in shown]
    columns = [Cell("item"), Cell("reason")]
    parts = [heading(f"Failures: {len(failures):,}"), table(columns, rows, "run")]
    if len(failures) > len(shown):
        rest = len(failures) - len(shown)
        parts.append(paragraph(f"{rest:,} more are listed in report.json.", "note"))
    return parts


def _run(run: Mapping[str, object]) -> list[str]:
    if not run:
        return []
    rows: list[Row] = [("", [Cell(key), Cell(text)]) for key, text in _flat(run)]
    return [heading("What was run"), table([Cell("setting"), Cell("value")], rows, "run")]


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
