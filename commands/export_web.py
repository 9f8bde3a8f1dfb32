"""`selfie3d export-web`: faces in the browser, as a folder of static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import shown


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("export-web")(export_web_command)


def export_web_command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder, such as site.")],
    weights: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="Of a network of dense points.")
    ] = "default",
    runtime: Annotated[
        Path | None,
        typer.Option(
            "--onnxruntime-web",
            metavar="PATH",
            help="The npm package's folder or .tgz; else it is downloaded.",
        ),
    ] = None,
    face_model: Annotated[
        str | None, typer.Option(metavar="PATH", help="Of the weights, if it is not registered.")
    ] = None,
) -> None:
    """Write a page that reconstructs faces in the browser; docs/browser.md says what it can."""
    from ..pipeline.web.site import WebOptions, export_web

    made = export_web(out, WebOptions(weights, runtime, face_model))
    size, folder = sum(made.sizes.values()) / 1e6, shown(str(made.folder.resolve()))
    typer.echo(f"{folder}: {len(made.sizes)} files, {size:.1f} MB")
    typer.echo(f"Serve it: python -m http.server --directory {shown(str(out))}")
    typer.echo("and open http://localhost:8000; as a file browsers do not run it.")
