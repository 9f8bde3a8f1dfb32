"""`selfie3d view`: heads to turn in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import shown


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("view")(view_command)


def view_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that `reconstruct` wrote into.")
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Of the heads, if not all are wanted."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; DIR/viewer.html by default.")
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Heads of a folder side by side in one page, to turn, animate and compare."""
    from ..pipeline.output.viewed_folder import view_folder

    made = view_folder(folder, names or (), out=out)
    heads = "1 head" if len(made.shown) == 1 else f"{len(made.shown)} heads"
    typer.echo(f"{heads}: {shown(str(made.page.resolve()))}")
    if made.left_out:
        text = f"selfie3d: {len(made.left_out)} more were left out; name those that you want."
        typer.echo(text, err=True)
    if open_page and not webbrowser.open(made.page.resolve().as_uri()):
        typer.echo("selfie3d: no browser could be opened; open the page by hand.", err=True)
