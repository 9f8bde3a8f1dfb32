"""A paper's filled tables as Markdown, LaTeX and a page of HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from ...core.errors import InputError
from ...core.whole_file import prepare_folder, write_text
from ..report.chart import curve_chart
from ..report.report import Curve
from ..report.text import Cell, Row, Table, render_page
from .design import PaperTable
from .fill import FilledTable, fill, merged_curves
from .registry import TABLES
from .runs import Run, open_runs

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "−": r"$-$", "–": "--", "|": r"$|$", "<": r"$<$", ">": r"$>$", "∞": r"$\infty$",
}  # fmt: skip

_FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def paper_table(
    paper: str, runs: Sequence[Path], out: Path | None = None, *, mixed: bool = False
) -> str:
    """The tables of a paper with rows of our runs beside the printed ones, as Markdown.

    Args:
        paper: a name of `TABLES`: "csanet", "mlanet", "mobdensenet", "mobile-facernet", "sadrnet".
        runs: a folder for each run, with what `selfie3d evaluate` wrote in it and below it.
        out: folder for table.html (with curves of cumulative errors), table.md and table.tex.
        mixed: mark runs that were measured differently instead of refusing them.

    Raises:
        UnknownNameError: no such paper.
        MissingFileError, InputError: a folder without reports, with a figure twice, or with none
            that the paper has.
        SettingError: the runs were measured differently.
    """
    printed = TABLES.create(paper)
    own = open_runs(runs)
    _require_figures(paper, printed, own)
    tables = [fill(table, own, mixed) for table in printed]
    return write_tables(f"tables of {paper}", tables, merged_curves(own), out)


def _require_figures(paper: str, tables: Sequence[PaperTable], runs: Sequence[Run]) -> None:
    """Refuse a run that would have no row anywhere."""
    sources = [c.source for table in tables for c in table.columns if c.source is not None]
    for run in runs:
        if not any(run.find(source) for source in sources):
            wanted = ", ".join(sorted({source.protocol for source in sources}))
            got = ", ".join(sorted({report.protocol for report in run.reports.values()}))
            remedy = f"Evaluate it: selfie3d evaluate PROTOCOL --out {run.label}/PROTOCOL ..."
            expected = f"figures of {paper}, by the protocols {wanted}"
            raise InputError(f"run {run.label}", expected, f"none; reports of {got}", remedy)


def write_tables(
    title: str, tables: Sequence[FilledTable], curves: Sequence[Curve], out: Path | None
) -> str:
    """Tables as Markdown, and, with a folder, as table.html, table.md and table.tex in it.

    Args:
        title: of the page.
        tables: one below the other.
        curves: below them.
        out: the folder, made if need be; None writes nothing.
    """
    text = "\n\n".join(map(markdown, tables)) + "\n"
    if out is not None:
        prepare_folder(out)
        write_text(out / "table.md", text)
        write_text(out / "table.tex", "\n\n".join(map(latex, tables)) + "\n")
        write_text(out / "table.html", page(title, tables, curves))
    return text


def markdown(table: FilledTable) -> str:
    """One table for GitHub and the like, with its notes."""
    heads = [
        "method",
        *(f"{c.group}: {c.heading}" if c.group else c.heading for c in table.columns),
    ]
    rows = [[r.method, *r.cells] for r in table.rows]
    lines = [heads, ["---", *("---:" for _ in table.columns)], *rows]
    body = ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines]
    return "\n".join([f"### {table.title}", "", *body, "", *_notes(table, lambda text: text)])


def latex(table: FilledTable) -> str:
    """One table in LaTeX, made smaller where it is too wide; needs booktabs and graphicx."""
    above = ["", *(rf"\multicolumn{{{n}}}{{c}}{{{_escaped(g)}}}" for g, n in _groups(table))]
    heads = ["method", *(c.heading for c in table.columns)]
    first = next((k for k, row in enumerate(table.rows) if row.ours), None)
    body = []
    for k, row in enumerate(table.rows):
        body += [r"\midrule"] if k == first else []
        body.append(_line([_escaped(text) for text in (row.method, *row.cells)]))
    return "\n".join([
        r"\begin{table}", rf"\caption{{{_escaped(table.title)}}}", r"\centering", _FITTED,
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule", _line(above),
        _line([_escaped(text) for text in heads]), r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}}", "", *_notes(table, _escaped), r"\end{table}",
    ])  # fmt: skip


def page(title: str, tables: Sequence[FilledTable], curves: Sequence[Curve]) -> str:
    """One page of HTML that needs no network."""
    return render_page(
        "paper.html",
        title=f"selfie3d: {title}",
        heading=title[:1].upper() + title[1:],
        tables=[(t.title, _groups(t), _grid(t), _notes(t, str)) for t in tables],
        charts=[Markup(curve_chart(curve)) for curve in curves],
    )


def _groups(table: FilledTable) -> list[tuple[str, int]]:
    """What stands above the columns, and how many each is above."""
    return [(g, len(list(c))) for g, c in groupby(table.columns, key=lambda column: column.group)]


def _grid(table: FilledTable) -> Table:
    rows: list[Row] = [
        (
            "ours" if row.ours else "published",
            [Cell(row.method), *(Cell(text, True) for text in row.cells)],
        )
        for row in table.rows
    ]
    return Table([Cell("method"), *(Cell(c.heading, True) for c in table.columns)], rows)


def _notes(table: FilledTable, escaped: Callable[[str], str]) -> list[str]:
    """A paragraph for each note."""
    marked = (f"[{mark}] {text.removesuffix('.')}." for mark, text in table.marks)
    texts = [*marked, *table.notes]
    return [line for text in texts for line in (escaped(text), "")]


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
