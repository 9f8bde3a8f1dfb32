"""Numbers, tables and the frame of the pages that evaluations write; every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 62rem; background: #fff;
  color: #1a1a1a; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif;
  -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.2rem 0 .5rem; padding-top: .5rem;
  border-top: 1px solid #bbb; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .4rem 0; max-width: 44rem; }
.lead { font-size: 1.05rem; overflow-wrap: anywhere; }
.note { color: #444; font-size: .9rem; }
.bad { color: #9b1c00; font-weight: 600; }
.wide { overflow-x: auto; margin: .4rem 0 .8rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .2rem 0; }
th, td { padding: .28rem .8rem .28rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #ddd; }
thead th { border-bottom: 2px solid #444; font-weight: 600; vertical-align: bottom; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
@media screen { .figures td { white-space: nowrap; } .figures th.number { min-width: 4.6rem; }
  .figures :is(th, td):first-child { position: sticky; left: 0; background: #fff; } }
tr.ours td { font-weight: 600; }
tr.published td { color: #333; }
.run td { overflow-wrap: anywhere; font-size: .88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1.2rem 1.6rem; }
figure { margin: 0; break-inside: avoid; }
figcaption { font-size: .88rem; line-height: 1.35; margin-top: .25rem; overflow-wrap: anywhere; }
.chart svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; margin: .2rem 0 0;
  padding: 0; font-size: .88rem; }
.chart .legend svg { display: inline-block; width: 2rem; height: .7rem; margin-right: .4rem;
  vertical-align: middle; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 11rem), 1fr));
  gap: 1rem; }
.pictures img { display: block; max-width: 100%; height: auto; }
.pictures .broad { grid-column: 1 / -1; }
@media screen and (min-width: 48rem) {
  .figures td:last-child:not(.number) { white-space: normal; min-width: 13rem; } }
@media (max-width: 30rem) { body { padding: .8rem .7rem 2rem; } h1 { font-size: 1.4rem; }
  .pictures { grid-template-columns: repeat(2, 1fr); gap: .7rem; } }
@media print { body { font-size: 10pt; max-width: none; padding: 0; } .wide { overflow: visible; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  .pictures { grid-template-columns: repeat(4, 1fr); } .charts { grid-template-columns: 1fr 1fr; } }
"""


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text and whether it stands to the right, as numbers do."""

    text: str
    number: bool = False


Row = tuple[str, Sequence[Cell]]
"""A row's class ("", "ours", "published") and its cells."""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page of HTML 5 that needs neither network nor scripts.

    Args:
        title: plain text.
        parts: the body, HTML.
    """
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text, of the CSS class `kind`."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def heading(text: str, level: int = 2) -> str:
    """A heading of plain text."""
    return f"<h{level}>{escape(text)}</h{level}>"


def table(columns: Sequence[Cell], rows: Iterable[Row], kind: str = "figures") -> str:
    """A table that scrolls sideways where the screen is narrow.

    Args:
        columns: the headings.
        rows: see `Row`.
        kind: CSS class: "figures" keeps every cell on one line, "run" breaks long texts.
    """
    head = "".join(f'<th scope="col"{_class(_side(c))}>{escape(c.text)}</th>' for c in columns)
    lines = [
        f"<tr{_class(name)}>"
        + "".join(f"<td{_class(_side(c))}>{escape(c.text)}</td>" for c in cells)
        + "</tr>"
        for name, cells in rows
    ]
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table{_class(kind)}>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def decimals_for(values: Iterable[float]) -> int:
    """Decimals that show about four digits of the largest of values that share a column."""
    sizes = [abs(v) for v in values if math.isfinite(v)]
    largest = max(sizes, default=0.0)
    if all(v == round(v) for v in sizes) and largest >= 100:
        return 0
    if largest == 0:
        return 3
    return min(8, max(0, 3 - max(0, math.floor(math.log10(largest)) - 1), _small(largest)))


def number(value: float | None, decimals: int) -> str:
    """A number for people; an en dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.{decimals}f}".replace("-", "−")


def _small(largest: float) -> int:
    return 2 - math.floor(math.log10(largest)) if largest < 0.1 else 0


def _side(cell: Cell) -> str:
    return "number" if cell.number else ""


def _class(name: str) -> str:
    return f' class="{escape(name)}"' if name else ""
