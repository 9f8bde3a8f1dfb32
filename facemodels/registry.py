"""Face models by name or file.

Whatever does not fit in a file, and no reader has named, ends in one kind of error here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from ..core.errors import InputError, Selfie3dError
from ..core.registry import Registry
from ..geometry.face_model import SHIPPED_MODELS, FaceModel
from .plausible import check_plausible
from .readers.archive import read_arrays
from .readers.npz_families import NPZ_KINDS
from .subdivision_model import from_subdivision_file, is_subdivision_model

_DAMAGED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    FloatingPointError,
    MemoryError,
    RecursionError,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
    np.linalg.LinAlgError,
)

_READERS = [
    (is_subdivision_model, from_subdivision_file),
    *((kind.is_one, kind.read) for kind in NPZ_KINDS),
]

_OTHERS = (".mat", ".pkl", ".h5", ".bin")  # what `selfie3d model convert` reads

FACE_MODELS: Registry[FaceModel] = Registry("face model")


@contextmanager
def reading_model(path: Path, expected: str) -> Iterator[None]:
    """Name the file where its arrays do not fit each other and no reader said so.

    Args:
        path: the file.
        expected: what it should be.

    Raises:
        InputError: in place of whatever numerical code raised; errors of this package come through.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except Selfie3dError:
        raise
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        got = f"arrays that do not fit each other ({reason})"
        raise InputError(str(path), expected, got, "See docs/face_model_format.md.") from error


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

    >>> face = load_face_model("default-face")
    >>> face.sizes, sorted(face.landmarks)
    ((120, 52, 38), ['300w-lp', 'aflw2000-reannotated', 'ibug68'])

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
    """Whether the coefficients of two face models mean the same.

    >>> same_coefficients("default", "default-face"), same_coefficients("default", "bfm.npz")
    (True, False)

    Args:
        one: name of a face model, or its path.
        other: name of another, or its path.
    """
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
