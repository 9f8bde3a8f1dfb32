"""Face models by name or file."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from ..core.errors import InputError
from ..core.registry import Registry
from ..geometry.face_model import SHIPPED_MODELS, FaceModel
from .archive import read_arrays
from .guard import reading_model
from .ict import from_ict, is_ict
from .npz import from_npz, is_generic
from .plausible import check_plausible
from .sfm import from_sfm, is_sfm
from .subdivision_model import from_subdivision_file, is_subdivision_model

_READERS = [
    (is_subdivision_model, from_subdivision_file),
    (is_ict, from_ict),
    (is_sfm, from_sfm),
    (is_generic, from_npz),
]

_OTHERS = (".mat", ".pkl", ".h5", ".bin")  # what `selfie3d model convert` reads


FACE_MODELS: Registry[FaceModel] = Registry("face model")


@FACE_MODELS.register("default")
def _default() -> FaceModel:
    return _shipped(whole=True)


@FACE_MODELS.register("default-face")
def _default_face() -> FaceModel:
    return _shipped(whole=False)


def _shipped(*, whole: bool) -> FaceModel:
    with as_file(files(__package__) / "data" / "default.npz") as path:
        return from_subdivision_file(read_arrays(path), path, whole=whole)


def load_face_model(name_or_path: str | Path = "default") -> FaceModel:
    """A face model: a registered name, or the path of an .npz (see docs/face_model_format.md).

    Raises:
        UnknownNameError: neither a registered name nor a path.
        MissingFileError: the path leads nowhere.
        InputError: the file's content is unusable, or no face (see `plausible.py`).
    """
    name = str(name_or_path)
    if name == "default-head":
        raise InputError("face model", "`default`, the whole head since version 2", repr(name))
    if name in FACE_MODELS or not _looks_like_path(name):
        return FACE_MODELS.create(name)
    return _read(Path(name))


def same_coefficients(one: str, other: str) -> bool:
    """Whether the coefficients of two face models, by their names, mean the same."""
    return one == other or (one in SHIPPED_MODELS and other in SHIPPED_MODELS)


def _looks_like_path(name: str) -> bool:
    return Path(name).suffix != "" or Path(name).is_file() or "/" in name or "\\" in name


def _read(path: Path) -> FaceModel:
    """Recognise a file by the arrays in it."""
    if path.is_dir() or (path.exists() and path.suffix.lower() in _OTHERS):
        raise InputError(
            str(path),
            "an .npz",
            "a folder" if path.is_dir() else f"a {path.suffix}",
            f"Convert it first: selfie3d model convert {path} --out FILE.npz",
        )
    arrays = read_arrays(path)
    with reading_model(path, "a face model"):
        for recognise, convert in _READERS:
            if recognise(arrays):
                return check_plausible(convert(arrays, path), path)
    raise InputError(
        str(path),
        "a face model: mean and faces, or a model this version knows",
        f"the arrays {', '.join(sorted(arrays)[:8]) or 'none'}",
        "See docs/face_model_format.md.",
    )
