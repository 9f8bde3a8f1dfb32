"""Tables of the shape benchmarks: Markdown to read, JSON to compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Row = Mapping[str, object]


def markdown(rows: Sequence[Row]) -> str:
    """One table with the columns of its first row; numbers to three digits behind the point."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += [
        "| " + " | ".join(_cell(row.get(name, "")) for name in columns) + " |" for row in rows
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | np.floating) else str(value)


def write_tables(
    out: Path, name: str, facts: Mapping[str, object], tables: Mapping[str, Sequence[Row]]
) -> None:
    """Print the tables and write them as OUT/NAME.md and OUT/NAME.json, making the folder.

    Args:
        facts: what was measured: model, seed, numbers.
        tables: rows by title; empty tables are left out.
    """
    parts = [", ".join(f"{key}: {_cell(value)}" for key, value in facts.items())]
    shown = {title: rows for title, rows in tables.items() if rows}
    parts += [f"{title}\n\n{markdown(rows)}" for title, rows in shown.items()]
    text = "\n\n".join(parts) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    content = {"facts": dict(facts), "tables": {k: [dict(r) for r in v] for k, v in shown.items()}}
    (out / f"{name}.json").write_text(json.dumps(content, indent=1, default=float) + "\n")
    print(text, flush=True)
