"""`selfie3d prepare`: photographs to training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("prepare")(prepare_command)


def prepare_command(
    data_set: Annotated[
        str, typer.Argument(metavar="DATASET|folder", help="celeba, 300w-lp, or folder.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="ROOT", help="Its folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, made if missing.")],
    write: Annotated[
        str, typer.Option(metavar="shards|files", help="Shards, or files beside photographs.")
    ] = "shards",
    landmarks: Annotated[
        str, typer.Option(metavar="auto|fan|own", help="auto: FAN where its weights are.")
    ] = "auto",
    skin: Annotated[bool, typer.Option("--skin/--no-skin", help="Make skin masks.")] = True,
    per_shard: Annotated[int, typer.Option(min=1, help="Photographs to a shard.")] = 1000,
    size: Annotated[
        int, typer.Option(help="Larger photographs are cut and brought down to this, pixels.")
    ] = 512,
    smallest: Annotated[int, typer.Option(help="Smaller faces are left out, pixels.")] = 32,
    held_out: Annotated[
        float, typer.Option(help="Share of people held out for val, where no partition is given.")
    ] = 0.1,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    weights_dir: Annotated[
        Path | None, typer.Option(help="Where downloaded weights lie; else $SELFIE3D_WEIGHTS.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run stood.")
    ] = True,
) -> None:
    """Find landmarks and skin in photographs, split them, write what training reads."""
    from ..prepare.options import PrepareOptions
    from ..prepare.run import prepare

    options = PrepareOptions(write, landmarks, skin, per_shard, size, smallest, held_out)
    result = prepare(
        data_set, data, out, options, workers=workers, weights_dir=weights_dir, resume=resume
    )
    done = ", ".join(f"{count} {split}" for split, count in result.counts.items())
    left = f"; {len(result.rejects)} left out, see rejects.json" if result.rejects else ""
    typer.echo(f"Prepared: {done}{left}. Results: {out.resolve()}")
    for file in [*result.files, *result.shards[:3]]:
        typer.echo(f"  {file}")
