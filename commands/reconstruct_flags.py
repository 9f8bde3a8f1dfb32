"""The options of `selfie3d reconstruct`, as they are typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ..detect.names import DetectorName
from ..pipeline.choices import Backend, Glasses, MeshName

if TYPE_CHECKING:
    from ..pipeline.options import ReconstructOptions


@dataclass(frozen=True)
class FaceFlags:
    """`ReconstructOptions`, as they are typed."""

    detector: Annotated[DetectorName, typer.Option(help="What finds faces.")] = "auto"
    max_faces: Annotated[
        int | None, typer.Option(min=1, help="Only the so many largest faces of a photograph.")
    ] = None
    face_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="See `selfie3d list face-models`. Default: that of the weights.",
        ),
    ] = None
    size: Annotated[
        int, typer.Option(min=16, max=8192, help="Side of the square texture, texels.")
    ] = 1024
    relight: Annotated[
        bool, typer.Option("--relight/--no-relight", help="Divide the light out of the texture.")
    ] = False
    glasses: Annotated[Glasses, typer.Option(help="Glasses on the front of the texture.")] = "keep"
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH|fit",
            help="A network's weights; fit: the optimiser alone. Default: the shipped ones.",
        ),
    ] = None
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = "torch"
    refine: Annotated[
        bool, typer.Option("--refine", help="Let the optimiser go on from the network's face.")
    ] = False
    ipd: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Distance of the pupils, which sets the head's true size."),
    ] = None
    mesh: Annotated[MeshName, typer.Option(help="The whole head in the files, or the mask.")] = (
        "head"
    )
    write: Annotated[
        str,
        typer.Option(
            metavar="KIND,...",
            help="What to write beside NAME.json: glb, obj, overlay, turntable, viewer, and maps "
            "in the photograph's frame: depth, normals, segmentation. Default: all but maps, of "
            "several photographs no viewer, of more than 20 glb,obj. 'json' alone is fastest.",
        ),
    ] = ""

    def options(self) -> ReconstructOptions:
        """What the reconstructor is told."""
        from ..pipeline.options import ReconstructOptions

        return ReconstructOptions(
            face_model=self.face_model,
            detector=self.detector,
            max_faces=self.max_faces,
            texture_size=self.size,
            divide_light=self.relight,
            glasses=self.glasses,
            weights=self.weights,
            backend=self.backend,
            refine=self.refine,
            ipd=self.ipd,
            mesh=self.mesh,
            write=tuple(name.strip() for name in self.write.split(",") if name.strip()) or None,
        )


@dataclass(frozen=True)
class RunFlags:
    """How a folder is gone through."""

    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Skip what an earlier run finished.")
    ] = True
    workers: Annotated[
        int,
        typer.Option(min=0, help="Processes; one that is killed ends nothing. 0: this one alone."),
    ] = 0
