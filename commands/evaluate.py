"""`selfie3d evaluate`, `selfie3d compare` and `selfie3d table`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("evaluate")(evaluate_command)
    app.command("compare")(compare_command)
    app.command("table")(table_command)


def evaluate_command(
    protocol: Annotated[
        str, typer.Argument(metavar="PROTOCOL", help="See `selfie3d list protocols`.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for report.json and report.html.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="The protocol's options.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="ROOT", help="The data set's folder.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH|fit", help="Default: shipped; fit: the optimiser."),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Score these; predict nothing.")
    ] = None,
) -> None:
    """Run a published protocol on our predictions or on anybody's."""
    from ..evaluate.registry import WITHOUT_DATA, Request
    from ..evaluate.run import run_protocol, summary_lines

    if data is None and protocol not in WITHOUT_DATA:
        raise InputError("--data", f"the folder of the data set for {protocol}", "nothing")
    request = Request(data or Path(), out, weights, predictions, overrides or [])
    report = run_protocol(protocol, request)
    typer.echo("\n".join(summary_lines(report)))
    typer.echo(f"\nWritten: {(out / 'report.html').resolve()}")


def compare_command(
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT...", help="report.json files or their folders.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the comparison into this folder.")
    ] = None,
) -> None:
    """Several reports in one table, differences with bootstrap confidence intervals."""
    from ..evaluate.report.compare_table import compare_reports

    typer.echo(compare_reports(reports, out))


def table_command(
    paper: Annotated[
        str,
        typer.Argument(
            metavar="PAPER", help="csanet, mlanet, mobdensenet, mobile-facernet or sadrnet."
        ),
    ],
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="Further runs.")
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option("--runs", metavar="DIR", help="A run's reports, in this folder and below."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for table.html, table.md and table.tex."),
    ] = None,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Mark runs that were measured differently.")
    ] = False,
) -> None:
    """A paper's tables as printed, with rows of our own runs; curves of cumulative errors."""
    from ..evaluate.tables.write import paper_table

    typer.echo(paper_table(paper, [*(runs or []), *(more or [])], out, mixed=mixed), nl=False)
    if out is not None:
        typer.echo(f"\nWritten: {(out / 'table.html').resolve()}")
