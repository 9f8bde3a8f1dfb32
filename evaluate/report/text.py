"""Numbers and tables of the pages that evaluations write, and their templates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text and whether it stands to the right, as numbers do."""

    text: str
    number: bool = False


Row = tuple[str, Sequence[Cell]]
"""A row's class ("", "ours", "published") and its cells."""


@dataclass(frozen=True)
class Table:
    """Headings and rows of a table."""

    columns: Sequence[Cell]
    rows: Sequence[Row]


def render_page(template: str, **values: Any) -> str:  # noqa: ANN401
    """A whole page of HTML from a file of templates/; every text is escaped.

    Args:
        template: name of the file.
        values: what the template shows; one that it needs and does not get is an error.
    """
    return _templates().get_template(template).render(values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
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
