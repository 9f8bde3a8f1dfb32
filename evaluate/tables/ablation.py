"""A paper's ablation with our rows, each of several seeds, and their differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.errors import InputError
from ..protocols.depth_normal import PAPERS_TABLES
from ..protocols.depth_normal import TABLE as DEPTH
from ..protocols.synthetic import FIGURES, NOTHING
from ..protocols.synthetic import TABLE as SYNTHETIC
from ..report.compare import LEVEL
from ..report.text import number
from .design import Column, PaperTable, Source, printed
from .fill import FilledRow, FilledTable, fill
from .registry import TABLES
from .runs import Run, open_runs
from .seeds import SeededRun, half_width
from .write import write_tables

_PRINTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "csanet": ("CSANet, Table 2", ("CSANet without SGE", "CSANet")),
    "mlanet": ("MLANet, Table 3", ()),
    "mobdensenet": ("R3FA (MobDenseNet), Table 2", ()),
    "mobile-facernet": (
        "Mobile-FaceRNet, Table 4",
        ("Mobile-FaceRNet without attention", "Mobile-FaceRNet"),
    ),
    "sadrnet": ("SADRNet, Table IV", ()),
}
"""How the title of a paper's ablation begins, and which of its rows belong to it; none: all."""
_INTERVALS = (
    f"Ours: means over seeds; in brackets half the {LEVEL:g} % interval of such a mean, by "
    "Student's t. One seed has none."
)


@dataclass(frozen=True)
class SeededRow:
    """A row of an ablation: how it is called, and the folders of its seeds."""

    label: str
    folders: Sequence[Path]


def ablation_table(paper: str, rows: Sequence[SeededRow], out: Path | None = None) -> str:
    """A paper's ablation with our rows beside the printed ones, as Markdown.

    Args:
        paper: a name of `TABLES`.
        rows: ours, the whole network last.
        out: folder for table.html, table.md and table.tex.

    Raises:
        UnknownNameError: no such paper.
        MissingFileError, InputError: a folder without reports, no row, or no seed.
        SettingError: rows were measured differently.
    """
    if not rows or not all(row.folders for row in rows):
        raise InputError("rows", "at least one, each with a run", f"{len(rows)} rows")
    printed_tables = _printed(paper)
    runs = [_seeded(row) for row in rows]
    own = _drawn_faces(runs[-1])
    tables = [_with_note(fill(table, runs)) for table in (*printed_tables, *own)]
    columns = [column for table in (*printed_tables, *own) for column in table.columns]
    if len(runs) > 1:
        tables.append(_differences(columns, runs))
    return write_tables(f"ablation of {paper}", [t for t in tables if t.rows], (), out)


def _seeded(row: SeededRow) -> SeededRun:
    seeds = tuple(open_runs(row.folders))
    return SeededRun(row.label, seeds[0].reports, seeds)


def _printed(paper: str) -> list[PaperTable]:
    """The paper's table of its ablation, its other rows left out."""
    begin, methods = _PRINTED.get(paper, ("", ()))
    (table,) = [t for t in TABLES.create(paper) if t.title.startswith(f"{begin}:")]
    rows = tuple(row for row in table.rows if not methods or row.method in methods)
    modules = [_modules()] if paper == "mobile-facernet" else []
    return [replace(table, rows=rows), *modules]


def _modules() -> PaperTable:
    """Mobile-FaceRNet's tables 5 to 7, where all encoders have the module."""
    columns = tuple(
        Column("", f"{name}, {unit}", Source("depth-normal", DEPTH, name), 4)
        for name, unit in (("SIDE", "x 0.01"), ("MAD", "degrees"))
    )
    rows = tuple(printed(what, values[-1]) for what, (_, values) in PAPERS_TABLES.items())
    title = "Mobile-FaceRNet, Tables 5 to 7: modules in all encoders"
    return PaperTable(title, columns, rows, ("The paper's data are its own.",))


def _drawn_faces(run: Run) -> list[PaperTable]:
    """What `synthetic` measures, below what the mean face gives; nothing if it was not run."""
    sources = [Source("synthetic", SYNTHETIC, name) for name in FIGURES]
    nothing = [run.find(replace(s, table=f"{SYNTHETIC}: {NOTHING}")) for s in sources]
    if not all(nothing):
        return []
    columns = tuple(
        Column("", f"{source.name}, {unit}", source)
        for source, unit in zip(sources, FIGURES.values(), strict=True)
    )
    mean = printed("mean face", [one.figure.value for one in nothing if one])
    title = "Drawn faces that nobody has seen: 68 points, rotation, vertices"
    return [
        PaperTable(
            title,
            columns,
            (mean,),
            ("Not the paper's: what selfie3d evaluate synthetic measures.",),
        )
    ]


def _with_note(table: FilledTable) -> FilledTable:
    ours = any(row.ours for row in table.rows)
    return replace(table, notes=(*table.notes, _INTERVALS)) if ours else table


def _differences(columns: Sequence[Column], runs: Sequence[SeededRun]) -> FilledTable:
    """Every row less the whole network, seed by seed, in the columns that were measured."""
    whole = runs[-1]
    kept = [c for c in columns if c.source and not c.source.spread and whole.find(c.source)]
    cell: Callable[[SeededRun, Column], str] = lambda run, column: _difference(run, whole, column)  # noqa: E731
    rows = [FilledRow(r.label, tuple(cell(r, c) for c in kept), True) for r in runs[:-1]]
    note = (
        f"Means of differences of runs with the same seed; in brackets half their {LEVEL:g} % "
        "interval by Student's t. * marks an interval without 0; one seed has none."
    )
    return FilledTable(f"Less {whole.label}", tuple(kept), tuple(rows), (), (note,))


def _difference(run: SeededRun, whole: SeededRun, column: Column) -> str:
    if column.source is None:
        return ""
    factor, source = column.source.factor, column.source
    pairs = [(a.find(source), b.find(source)) for a, b in zip(run.seeds, whole.seeds, strict=True)]
    values = [factor * (a.figure.value - b.figure.value) for a, b in pairs if a and b]
    if not values:
        return ""
    mean, half = float(np.mean(values)), half_width(values)
    text = ("+" if mean > 0 else "") + number(mean, column.places)
    if half is None:
        return text
    return f"{text} (± {number(half, column.places)})" + (" *" if abs(mean) > half else "")
