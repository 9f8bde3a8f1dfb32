"""The .npz files that `load_face_model` reads as they are: ICT, Surrey, the generic file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ..layout import FAMILIES, Family
from .ict import from_ict, is_ict
from .npz import from_npz, is_generic
from .sfm import from_sfm, is_sfm
from .source import Source

_AXES = "+x the subject's left, +y up, +z out of the face"


@dataclass(frozen=True)
class NpzKind:
    """A kind of .npz.

    Attributes:
        name: among the families.
        title, space: see `Family`.
        is_one: whether arrays are of this kind.
        read: the model of the arrays of a file.
    """

    name: str
    title: str
    space: str
    is_one: Callable[[Mapping[str, NDArray]], bool]
    read: Callable[[Mapping[str, NDArray], Path], FaceModel]

    def recognise(self, source: Source) -> bool:
        """Whether a source is such a file."""
        return source.container == "npz" and self.is_one(source.arrays)

    def read_source(self, source: Source) -> FaceModel:
        """The model of a source.

        Raises:
            InputError: it is no .npz, or its arrays are unusable.
        """
        if source.container != "npz":
            raise InputError(str(source.path), "an .npz", source.container)
        return self.read(source.arrays, source.path)

    def family(self) -> Family:
        """The same for `selfie3d model convert`."""
        document = "docs/face_model_format.md"
        return Family(self.title, document, self.space, self.recognise, self.read_source)


NPZ_KINDS = (
    NpzKind("ict-npz", "ICT-FaceKit light, packed into one .npz", f"cm; {_AXES}", is_ict, from_ict),
    NpzKind(
        "sfm-npz",
        "Surrey Face Model, packed into one .npz",
        f"mm; {_AXES}; v down, turned up",
        is_sfm,
        from_sfm,
    ),
    NpzKind(
        "npz",
        "any linear face model in the generic .npz",
        f"`unit` (mm); {_AXES}",
        is_generic,
        from_npz,
    ),
)
"""The first that fits is taken."""

for _kind in NPZ_KINDS:
    FAMILIES.register(_kind.name)(_kind.family)
