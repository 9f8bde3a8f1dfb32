"""`selfie3d prepare`: photographs to training data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import InputError, shown
from ..prepare.options import (
    BalanceOptions,
    DrawnOptions,
    LandmarkSource,
    Output,
    PrepareOptions,
    SkinSource,
    TurnOptions,
)
from .option_groups import RayAddress, in_groups


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("prepare")(in_groups(prepare_command))


_FROM_SHARDS = {
    "turned": ("turns", "bins", "most_turns", "pitch", "count"),
    "balanced": ("bins", "count"),
    "drawn": ("label_model", "count"),
}
"""The options that what is made of shards has alone."""
_NOT_FROM_SHARDS = ("landmarks", "skin", "size", "held_out", "weights_dir")
"""Options that these do not have: all this is in the shards that they are made of."""


@dataclass(frozen=True)
class Places:
    """What is prepared, and where it goes."""

    data_set: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|folder|turned|balanced|drawn",
            help="celeba, 300w-lp, aflw, ffhq, lfw, micc, now or folder; turned: shards to turn; "
            "balanced: a choice of shards with as many faces of every pose; drawn: faces of synth "
            "with the labels of 300W-LP.",
        ),
    ]
    data: Annotated[
        Path, typer.Option("--data", metavar="ROOT", help="Its folder; of shards; of such folders.")
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
    """What the options of the kinds that are made of shards have beside, as it is typed."""

    turns: Annotated[
        str,
        typer.Option(
            metavar="flat|DEGREES|RANGE",
            help="turned: to which |yaw|; flat: all bins hold as many; or 30,60,90; or 90-105.",
        ),
    ] = "flat"
    bins: Annotated[str, typer.Option(help="turned, balanced: edges of |yaw|, degrees.")] = (
        "0,15,30,45,60,75,90"
    )
    most_turns: Annotated[int, typer.Option(help="turned: copies of one photograph.")] = 4
    pitch: Annotated[float, typer.Option(help="turned: up or down as well, degrees.")] = 0.0
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="balanced: photographs (120,000); turned to a range, drawn: the first so many.",
        ),
    ] = None
    label_model: Annotated[
        str, typer.Option(metavar="PATH", help="drawn: Model_Shape.mat, or 3DDFA's 68 points.")
    ] = ""

    def options(self, data_set: str, samples: SampleFlags) -> PrepareOptions:
        """With what these share with other samples."""
        write = samples.write
        count: dict[str, Any] = {} if self.count is None else {"count": self.count}
        shared = {"per_shard": samples.per_shard, "smallest": samples.smallest} | count
        if data_set == "drawn":
            return DrawnOptions(
                write=write, per_shard=samples.per_shard, held_out=samples.held_out,
                label_model=self.label_model, **count,
            )  # fmt: skip
        if data_set == "balanced":
            return BalanceOptions(write=write, bins=self.bins, **shared)
        return TurnOptions(
            write=write, bins=self.bins, turns=self.turns, most=self.most_turns, pitch=self.pitch,
            **shared,
        )  # fmt: skip


@dataclass(frozen=True)
class RunFlags:
    """How it is done; results do not depend on it."""

    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1
    ray_address: RayAddress = ""
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
    options = samples.options()
    if places.data_set in _FROM_SHARDS:
        options = turned.options(places.data_set, samples)
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
    own = _FROM_SHARDS.get(data_set, ())
    known = {name for names in _FROM_SHARDS.values() for name in names}
    unused = [name for name in sorted(known) if name not in own]
    if own:
        kept = ("held_out",) if data_set == "drawn" else ()
        unused += [name for name in _NOT_FROM_SHARDS if name not in kept]
    named = [name for name in unused if _was_given(ctx, name)]
    if not named:
        return
    names = ", ".join(f"--{name.replace('_', '-')}" for name in named)
    kinds = [kind for kind, has in _FROM_SHARDS.items() if set(named) & set(has)]
    others = " and ".join(kinds) if kinds else "other data sets"
    remedy = "It is as in the shards: prepare these with it." if own and not kinds else ""
    raise InputError(names, f"options of {data_set}", f"those of {others}", remedy)


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
