"""How photographs are reconstructed: every setting of the reconstructor and of what is written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ..core.choices import check_choices
from ..core.errors import InputError, UnknownNameError
from ..detect.names import DetectorName
from .choices import Backend, Glasses, MeshName
from .fit.config import FitConfig

PICTURES = ("overlay", "turntable")
"""What people look at: written for up to `MANY` photographs unless something else is asked for."""

MAPS = ("depth", "normals", "segmentation")
"""What can be written for every pixel of a photograph."""

VIEWER = "viewer"
"""A page to turn the head in; as large as the GLB, so that it is written for one photograph unless
something else is asked for."""

OUTPUTS = ("json", "glb", "obj", *PICTURES, VIEWER, *MAPS)
"""What can be written of a face; its JSON always is."""

MANY = 20

_PUPILS = 35.0, 90.0  # mm apart, of the smallest child and the largest adult, and some more


@dataclass(frozen=True)
class ReconstructOptions:
    """How photographs are reconstructed.

    >>> sorted(ReconstructOptions(write=("glb",)).outputs(photographs=1))
    ['glb', 'json']

    Attributes:
        face_model: a registered name or a path; None takes the one that the weights were trained
            for, and the shipped one for the optimiser.
        detector: what finds faces: "drawn", "mtcnn", or "auto" for the default of the two.
        max_faces: the largest so many faces of a photograph; None takes all.
        texture_size: side of the square texture, texels.
        divide_light: leave the fitted light out of the texture.
        glasses: "keep" them on the texture's front, or "remove" them.
        weights: "fit" for the optimiser alone, else a shipped name or a path of a network's
            weights, of any kind that `selfie3d train` makes; None takes the shipped ones where
            they are for this face model, else "fit".
        backend: what runs the network; "onnxruntime" is quicker and takes some seconds to begin.
        refine: let the optimiser go on from what the network found.
        ipd: distance of the person's pupils in mm, which sets the head's true size; None takes the
            model's guess, as one photograph cannot tell.
        mesh: what of the model goes into files, all of it ("head"), or the mask
            of `default-face` ("face").
        write: those of `OUTPUTS` that are wanted; None takes all but the maps, of more than one
            photograph no viewer, and of more than `MANY` neither overlay nor turntable.
        fit: weights and schedule of the optimiser.
    """

    face_model: str | None = None
    detector: DetectorName = "auto"
    max_faces: int | None = None
    texture_size: int = 1024
    divide_light: bool = False
    glasses: Glasses = "keep"
    weights: str | None = None
    backend: Backend = "torch"
    refine: bool = False
    ipd: float | None = None
    mesh: MeshName = "head"
    write: tuple[str, ...] | None = None
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        check_choices(self)
        if self.max_faces is not None and self.max_faces < 1:
            raise InputError("max_faces", "at least 1", str(self.max_faces))
        if not 16 <= self.texture_size <= 8192:
            raise InputError("texture size", "16 to 8192 texels", str(self.texture_size))
        if self.ipd is not None and not _PUPILS[0] <= self.ipd <= _PUPILS[1]:
            expected = f"the pupils' distance, {_PUPILS[0]:g} to {_PUPILS[1]:g} mm"
            raise InputError("ipd", expected, str(self.ipd), "Adults have about 63 mm.")
        for name in self.write or ():
            if name not in OUTPUTS:
                raise UnknownNameError("output", name, list(OUTPUTS))

    def outputs(self, photographs: int) -> frozenset[str]:
        """Those of `OUTPUTS` that a run of so many photographs writes."""
        if self.write is not None:
            return frozenset(self.write) | {"json"}
        left_out = set(MAPS) | (set(PICTURES) if photographs > MANY else set())
        left_out |= {VIEWER} if photographs > 1 else set()
        return frozenset(OUTPUTS) - left_out


def needs_texture(outputs: Collection[str]) -> bool:
    """Whether some of these outputs show a face's texture."""
    return not {"glb", "obj", *PICTURES, VIEWER}.isdisjoint(outputs)
