"""`selfie3d train`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("train")(train_command)


def train_command(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A YAML file, or its name.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Change single settings.")
    ] = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes", help="Go on though settings are others than the run began with."
        ),
    ] = False,
) -> None:
    """Train a network; a run that was stopped goes on where it stood."""
    from ..train import run_training

    figures = run_training(config, overrides or [], accept_changes)
    typer.echo(", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
