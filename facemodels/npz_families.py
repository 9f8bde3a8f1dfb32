"""The .npz files that `load_face_model` reads as they are: ICT, Surrey, the generic file."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.face_model import FaceModel
from .family import FAMILIES, Family
from .ict import from_ict, is_ict
from .npz import from_npz, is_generic
from .sfm import from_sfm, is_sfm
from .source import Source

_DOCUMENT = "docs/face_model_format.md"


@FAMILIES.register("ict-npz")
def _ict() -> Family:
    return Family(
        title="ICT-FaceKit light, packed into one .npz",
        layout=_DOCUMENT,
        space="cm; +x the subject's left, +y up, +z out of the face",
        recognise=lambda source: source.container == "npz" and is_ict(source.arrays),
        read=lambda source: from_ict(_arrays(source), source.path),
    )


@FAMILIES.register("sfm-npz")
def _sfm() -> Family:
    return Family(
        title="Surrey Face Model, packed into one .npz",
        layout=_DOCUMENT,
        space="mm; +x the subject's left, +y up, +z out of the face; v down, turned up",
        recognise=lambda source: source.container == "npz" and is_sfm(source.arrays),
        read=lambda source: from_sfm(_arrays(source), source.path),
    )


@FAMILIES.register("npz")
def _generic() -> Family:
    return Family(
        title="any linear face model in the generic .npz",
        layout=_DOCUMENT,
        space="`unit` (mm); +x the subject's left, +y up, +z out of the face",
        recognise=lambda source: source.container == "npz" and is_generic(source.arrays),
        read=_read,
    )


def _read(source: Source) -> FaceModel:
    return from_npz(_arrays(source), source.path)


def _arrays(source: Source) -> Mapping[str, NDArray]:
    if source.container != "npz":
        raise InputError(str(source.path), "an .npz", source.container)
    return source.arrays
