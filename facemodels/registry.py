"""Face models by name or file."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from ..core.registry import Registry
from ..geometry.face_model import FaceModel
from .subdivision_model import read_subdivision_model

FACE_MODELS: Registry[FaceModel] = Registry("face model")


@FACE_MODELS.register("default")
def _default() -> FaceModel:
    return _shipped(whole_head=False)


@FACE_MODELS.register("default-head")
def _default_head() -> FaceModel:
    return _shipped(whole_head=True)


def _shipped(*, whole_head: bool) -> FaceModel:
    with as_file(files(__package__) / "data" / "default.npz") as path:
        return read_subdivision_model(path, whole_head=whole_head)


def load_face_model(name_or_path: str | Path = "default") -> FaceModel:
    """A face model: a registered name, or the path of an .npz (see docs/face_model_format.md).

    Raises:
        UnknownNameError: neither a registered name nor a path.
        MissingFileError: the path leads nowhere.
        InputError: the file's content is unusable.
    """
    return FACE_MODELS.create(str(name_or_path))
