"""`selfie3d batch`: faces of millions of photographs, on this machine or on a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import shown
from .option_groups import in_groups
from .reconstruct_flags import FaceFlags

if TYPE_CHECKING:
    from ..scale import BatchSummary


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("batch")(in_groups(batch_command))


@dataclass(frozen=True)
class RayFlags:
    """Where the work is done; results do not depend on it."""

    workers: Annotated[
        int, typer.Option(min=0, help="Processes that find faces. 0: one for each core.")
    ] = 0
    ray_address: Annotated[
        str,
        typer.Option(
            metavar="local|auto|HOST:PORT", help="Ray on this machine, or that of a cluster."
        ),
    ] = "local"


def batch_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A folder tree, a list of paths or addresses (.csv, .parquet), or tar shards.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, made if missing.")],
    *,
    per_part: Annotated[int, typer.Option(min=1, help="Photographs of a Parquet file.")] = 1024,
    column: Annotated[
        str, typer.Option(help="Column of the list. Default: path, uri, url or file.")
    ] = "",
    faces: FaceFlags,
    ray: RayFlags,
) -> None:
    """Find every face of very many photographs: Parquet files, and tars of GLBs."""
    from ..scale import BatchOptions, BatchRun, run_batch

    write = tuple(name.strip() for name in faces.write.split(",") if name.strip()) or ("json",)
    reconstruct = replace(faces, write="").options()
    options = BatchOptions(write, reconstruct, per_part, column)
    _say(run_batch(source, out, options, BatchRun(**vars(ray))), out)


def _say(summary: BatchSummary, out: Path) -> None:
    for line in summary.passed:
        typer.echo(f"selfie3d: {line}", err=True)
    if summary.log is not None:
        typer.echo(f"selfie3d: tracebacks of unexpected errors: {out / summary.log}", err=True)
    failed = ", ".join(f"{kind} {count}" for kind, count in summary.failed.items())
    typer.echo(
        f"{summary.faces} faces in {summary.photographs} photographs"
        + (f"; failed: {failed}" if failed else "")
        + f". This run: {summary.photographs_of_this_run} photographs in {summary.seconds:.0f} s, "
        f"{summary.images_per_second:.1f} images/s. Results: {shown(str(out.resolve()))}"
    )
    for name in summary.files[:7]:
        typer.echo(f"  {shown(str(out / name))}")
