"""`selfie3d ablate`: a paper's ablation, trained and put into its table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import InputError
from .option_groups import in_groups

if TYPE_CHECKING:
    from ..ablate.faces import OwnFaces


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("ablate")(in_groups(ablate_command))


@dataclass(frozen=True)
class FaceFlags:
    """What is learnt from, as it is typed."""

    draw: Annotated[
        int, typer.Option(min=1, help="Faces that are drawn to learn from; a tenth more to score.")
    ] = 4000
    train: Annotated[
        Path | None, typer.Option(metavar="SHARDS", help="Of `selfie3d synth`; draws none.")
    ] = None
    unseen: Annotated[
        Path | None, typer.Option(metavar="SHARDS", help="The same, to be scored on.")
    ] = None
    own_data: Annotated[
        bool, typer.Option("--own-data", help="Learn from what the configurations name.")
    ] = False

    def faces(self) -> OwnFaces | None:
        """Drawn faces, or None for the configurations' data."""
        from ..ablate.faces import OwnFaces

        if not self.own_data:
            return OwnFaces(self.train, self.unseen, self.draw if self.train is None else 0)
        if self.train is not None or self.unseen is not None:
            raise InputError("--own-data", "it, or --train and --unseen", "both")
        return None


def ablate_command(
    paper: Annotated[
        str,
        typer.Argument(
            metavar="PAPER", help="csanet, mlanet, mobdensenet, mobile-facernet or sadrnet."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of runs, reports and the table.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Of every training run.")
    ] = None,
    *,
    budget: Annotated[
        str, typer.Option(help="Of every run: 2000steps, 90minutes, 2hours, or configured.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of every row.")] = 3,
    row: Annotated[
        list[str] | None, typer.Option(metavar="CONFIG", help="Only these rows; may be repeated.")
    ] = None,
    size: Annotated[int, typer.Option(min=0, help="Side of the input; 0: the paper's.")] = 0,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="PROTOCOL=ROOT", help="Score on these, too; may be repeated."),
    ] = None,
    learn: FaceFlags,
) -> None:
    """Train a paper's ablation with equal budgets and seeds; run it again to go on."""
    from ..ablate.budget import read_budget
    from ..ablate.options import AblationOptions
    from ..ablate.run import run_ablation

    options = AblationOptions(
        read_budget(budget), seeds, tuple(row or ()), learn.faces(), size,
        dict(map(_protocol, on or [])), tuple(settings or ()),
    )  # fmt: skip
    typer.echo(run_ablation(paper, out, options), nl=False)
    typer.echo(f"\nWritten: {(out / 'table.html').resolve()}")


def _protocol(text: str) -> tuple[str, Path]:
    name, equals, root = text.partition("=")
    if not (equals and name and root):
        raise InputError(
            "--on", "PROTOCOL=ROOT", repr(text), "For example: aflw2000=data/AFLW2000."
        )
    return name, Path(root)
