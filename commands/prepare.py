"""`selfie3d prepare`: photographs to training data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import InputError, shown
from ..prepare.options import (
    LandmarkSource,
    Output,
    PrepareOptions,
    SkinSource,
    TurnOptions,
)
from .option_groups import in_groups


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("prepare")(in_groups(prepare_command))


_TURNED_ONLY = ("turns", "bins", "most_turns", "pitch")
"""Options of `turned` alone."""
_NOT_TURNED = ("landmarks", "skin", "size", "held_out", "weights_dir")
"""Options that `turned` does not have: all this is in the shards that are turned."""


@dataclass(frozen=True)
class Places:
    """What is prepared, and where it goes."""

    data_set: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|folder|turned",
            help="celeba, 300w-lp, aflw, ffhq, lfw, micc, now or folder; turned: shards to turn.",
        ),
    ]
    data: Annotated[
        Path, typer.Option("--data", metavar="ROOT", help="Its folder; turned: that of shards.")
    ]
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, made if missing.")]


@dataclass(frozen=True)
class SampleFlags:
    """`PrepareOptions`, as they are typed."""

    write: Annotated[Output, typer.Option(help="Shards, or files beside photographs.")] = "shards"
    landmarks: Annotated[LandmarkSource, typer.Option(help="auto: FAN where its weights are.")] = (
        "auto"
    )
    skin: Annotated[SkinSource, typer.Option(help="Who makes skin masks.")] = "auto"
    per_shard: Annotated[int, typer.Option(min=1, help="Photographs to a shard.")] = 1000
    size: Annotated[
        int, typer.Option(help="Larger photographs are cut and brought down to this, pixels.")
    ] = 512
    smallest: Annotated[int, typer.Option(help="Smaller faces are left out, pixels.")] = 32
    held_out: Annotated[
        float, typer.Option(help="Share of people held out for val, where no partition is given.")
    ] = 0.1

    def options(self) -> PrepareOptions:
        """What the preparation is told."""
        return PrepareOptions(**vars(self))


@dataclass(frozen=True)
class TurnFlags:
    """What `TurnOptions` have beside, as it is typed."""

    turns: Annotated[
        str,
        typer.Option(
            metavar="flat|DEGREES",
            help="turned: to which |yaw|; flat: so that all bins hold as many, or 30,60,90.",
        ),
    ] = "flat"
    bins: Annotated[str, typer.Option(help="turned: edges of the bins of |yaw|, degrees.")] = (
        "0,15,30,45,60,75,90"
    )
    most_turns: Annotated[int, typer.Option(help="turned: copies of one photograph.")] = 4
    pitch: Annotated[float, typer.Option(help="turned: up or down as well, degrees.")] = 0.0

    def options(self, samples: SampleFlags) -> TurnOptions:
        """With what turned copies share with other samples."""
        return TurnOptions(
            write=samples.write, per_shard=samples.per_shard, smallest=samples.smallest,
            turns=self.turns, bins=self.bins, most=self.most_turns, pitch=self.pitch,
        )  # fmt: skip


@dataclass(frozen=True)
class RunFlags:
    """How it is done; results do not depend on it."""

    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1
    weights_dir: Annotated[
        Path | None, typer.Option(help="Where downloaded weights lie; else $SELFIE3D_WEIGHTS.")
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run stood.")
    ] = True


def prepare_command(
    ctx: typer.Context, places: Places, samples: SampleFlags, turned: TurnFlags, run: RunFlags
) -> None:
    """Find landmarks and skin in photographs, split them, write what training reads."""
    from ..prepare.run import PrepareRun, prepare

    _refuse_unused(ctx, places.data_set)
    turns = places.data_set == "turned"
    options = turned.options(samples) if turns else samples.options()
    result = prepare(places.data_set, places.data, places.out, options, PrepareRun(**vars(run)))
    for line in result.passed:
        typer.echo(f"selfie3d: {line}", err=True)
    if result.log is not None:
        typer.echo(f"selfie3d: tracebacks of unexpected errors: {result.log}", err=True)
    done = ", ".join(f"{count} {split}" for split, count in result.counts.items())
    left = f"; {len(result.rejects)} left out, see rejects.json" if result.rejects else ""
    typer.echo(f"Prepared: {done}{left}. Results: {places.out.resolve()}")
    for file in [*result.files, *result.shards[:3]]:
        typer.echo(f"  {shown(str(file))}")


def _refuse_unused(ctx: typer.Context, data_set: str) -> None:
    """Refuse options that were given and would do nothing."""
    unused = _NOT_TURNED if data_set == "turned" else _TURNED_ONLY
    named = [name for name in unused if _was_given(ctx, name)]
    if not named:
        return
    names = ", ".join(f"--{name.replace('_', '-')}" for name in named)
    if data_set == "turned":
        remedy = "It is as in the shards that are turned: prepare these with it."
        raise InputError(names, "options of turned", "those of other data sets", remedy)
    raise InputError(names, f"options of {data_set}", "those of turned")


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
