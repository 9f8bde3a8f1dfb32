"""`selfie3d transfer`: a photograph's face with another's expression, light or texture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import shown
from ..detect.names import DetectorName
from .option_groups import in_groups

if TYPE_CHECKING:
    from ..pipeline import ReconstructOptions, Sources


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("transfer")(in_groups(transfer_command))


@dataclass(frozen=True)
class SourceFlags:
    """`Sources`, as they are typed."""

    expression: Annotated[
        str | None,
        typer.Option(
            metavar="PHOTO|NAME.json|NAME=W,...",
            help="Whose expression: a photograph's, a record's, or weights such as jawOpen=0.5.",
        ),
    ] = None
    light: Annotated[
        str | None,
        typer.Option(
            metavar="PHOTO|FILE.json|FILE.txt",
            help="Which light: a photograph's, or a file's nine spherical harmonics.",
        ),
    ] = None
    texture: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="Whose skin: a photograph's.")
    ] = None

    def sources(self) -> Sources:
        """What is taken over."""
        from ..pipeline import Sources

        return Sources(self.expression, self.light, self.texture)


@dataclass(frozen=True)
class NetworkFlags:
    """How faces are found."""

    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH|fit", help="As for reconstruct. Default: the shipped."),
    ] = None
    face_model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Default: that of the weights.")
    ] = None
    detector: Annotated[DetectorName, typer.Option(help="What finds faces.")] = "auto"
    size: Annotated[
        int, typer.Option(min=16, max=8192, help="Side of the square texture, texels.")
    ] = 1024

    def options(self) -> ReconstructOptions:
        """What the reconstructor is told."""
        from ..pipeline import ReconstructOptions

        return ReconstructOptions(
            weights=self.weights,
            face_model=self.face_model,
            detector=self.detector,
            texture_size=self.size,
        )


def transfer_command(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Whose largest face changes.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, made if missing.")],
    *,
    take: SourceFlags,
    network: NetworkFlags,
) -> None:
    """A face put back into its photograph with another's expression, light or texture."""
    from ..pipeline import Reconstructor, transfer_face, write_transferred

    sources = take.sources()
    made = transfer_face(Reconstructor(network.options()), photo, sources)
    typer.echo(f"Results: {shown(str(out.resolve()))}")
    for file in write_transferred(out, photo, made, sources):
        typer.echo(f"  {shown(str(file))}")
