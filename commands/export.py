"""`selfie3d export`: networks for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import InputError, shown

if TYPE_CHECKING:
    from ..models.exported.storage import Storage


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("export")(export_command)


def export_command(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Such as model.onnx.")],
    weights: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="Of any network that we train.")
    ] = "default",
    *,
    solver: Annotated[
        bool, typer.Option("--solver", help="With the solver: images to points and vertices.")
    ] = False,
    half: Annotated[bool, typer.Option("--half", help="Store weights in 16 bits.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Store weights in 8 bits.")] = False,
    face_model: Annotated[
        str | None, typer.Option(metavar="PATH", help="Of the weights, if it is not registered.")
    ] = None,
) -> None:
    """Write a network as ONNX, compared with torch; docs/export.md says what is in it."""
    from ..pipeline.network.export import ExportOptions, export_onnx

    if half and int8:
        raise InputError("--half", "it or --int8", "both")
    storage: Storage = "float16" if half else "int8" if int8 else "float32"
    made = export_onnx(out, ExportOptions(weights, storage, solver, face_model))
    typer.echo(f"{shown(str(made.path.resolve()))}: {made.size / 1e6:.1f} MB")
    for item in made.differences:
        typer.echo(f"  {item.output:<12} {item.largest:.1e} from torch, of {item.size:.3g}")
