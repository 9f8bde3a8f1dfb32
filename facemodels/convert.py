"""Somebody's face model as the generic file that everything else reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..core.errors import InputError
from ..core.whole_file import prepare_file, write_whole
from ..geometry.face_model import FaceModel
from .layout import FAMILIES, Family
from .plausible import check_plausible
from .readers import basel2009, basel_h5, deep3d, eos, flame, npz_families, tddfa_dense
from .readers import ict as ict_folder
from .readers.npz import save_npz
from .readers.source import Source
from .registry import reading_model

# Named so that the readers are registered wherever this module is imported.
READERS = (npz_families, basel2009, basel_h5, deep3d, tddfa_dense, flame, ict_folder, eos)

_LAST = "npz"  # takes whatever has `mean` and `faces`: asked after those that know better


@dataclass(frozen=True)
class Converted:
    """A model that was read, and how.

    Attributes:
        model: in mm and model space.
        kind: the family's name; family: its facts.
        path: the file written.
    """

    model: FaceModel
    kind: str
    family: Family
    path: Path


def convert_model(source: Source, out: str | Path, kind: str = "", licence: str = "") -> Converted:
    """Read a model of any known family and write the generic .npz.

    Args:
        source: the model, and which of it is wanted.
        out: the file to write; its ending is .npz.
        kind: a family's name; empty recognises it by the content.
        licence: the user's own words instead of what the reader knows.

    Raises:
        UnknownNameError: no such kind.
        MissingFileError: a file the conversion needs is not there; the message names it.
        InputError: not recognised, damaged, or unusable; or `out` cannot be written.
    """
    target = Path(out)
    if target.suffix != ".npz":
        raise InputError("--out", "a file ending in .npz", repr(target.name))
    prepare_file(target)
    with reading_model(source.path, "a face model of a known kind"):
        name = kind or recognise(source)
    family = FAMILIES.create(name)
    with reading_model(source.path, family.title):
        model = check_plausible(family.read(source), source.path)
        if not family.trims:
            model = _trimmed(model, source)
    if licence:
        model.licence = licence
    write_whole(target, lambda partial: _save(model, partial))
    return Converted(model, name, family, target)


def _save(model: FaceModel, path: Path) -> None:
    try:
        save_npz(model, path)
    finally:
        path.with_suffix(".partial").unlink(missing_ok=True)  # its own half-written one


def recognise(source: Source) -> str:
    """The name of the family a source belongs to.

    Raises:
        InputError: it is none of them, damaged, or holds what is not read from strangers.
    """
    for name in sorted(FAMILIES.names(), key=lambda name: name == _LAST):
        if FAMILIES.create(name).recognise(source):
            return name
    held = ", ".join(sorted(source.names)[:8])
    raise InputError(
        str(source.path),
        "a face model of a known kind: " + ", ".join(FAMILIES.names()),
        f"a {source.container} with {held or 'nothing known'}",
        "Name its kind with --kind; see docs/face_model_format.md.",
    )


def describe_family(converted: Converted) -> dict[str, str]:
    """What the reader knows beside the model's own counts."""
    family = converted.family
    facts = {
        "kind": f"{converted.kind} ({family.title})",
        "layout": family.layout,
        "files": family.space,
        "here": "mm; +x the subject's left, +y up, +z out of the face; origin between the eyeballs",
    }
    return facts | ({"note": family.notes} if family.notes else {})


def _trimmed(model: FaceModel, source: Source) -> FaceModel:
    """The model with at most the wanted numbers of modes."""
    counts = (source.identity, source.expressions, source.albedo)
    for key, count in zip(("identity", "expression", "albedo_basis"), counts, strict=True):
        basis: Tensor = getattr(model, key)
        if count is not None:
            setattr(model, key, basis[:count].clone())
    model.expression_names = model.expression_names[: len(model.expression)]
    return model
