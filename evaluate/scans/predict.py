"""Predicted surfaces: made from pictures, or read from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.item_failure import Failed, attempt
from ...core.npy_file import read_npy
from ...core.npz_file import read_npz
from ...core.whole_file import write_whole
from ...facemodels import load_face_model
from ...pipeline.predicted import PredictedFace
from ..predict.predicted import Box
from ..predict.predictor import BoxSource, load_predictor
from .mesh_file import read_mesh
from .surface import Surface, model_surface, outer_surface

MEAN = "mean"
"""The word for --weights that takes the mean face for every picture."""
_ARCHIVE: dict[str, tuple[str, tuple[int, ...]]] = {
    "names": ("U", (0,)),
    "vertices": ("fiu", (0, 0, 3)),
    "faces": ("iu", (0, 3)),
    "ibug68": ("fiu", (0, 68, 3)),
}
"""Kinds and sizes (0: any) of the arrays of an archive of predictions."""
_NOW_ORDER = (36, 39, 42, 45, 33, 48, 54)  # the seven landmarks of NoW, as points of ibug68


class SurfacePredictor:
    """Picture in, surface out.

    Args:
        weights: as `load_predictor`, or "mean" for the mean face.
        boxes: where a network looks, as `load_predictor`.
        neutral: leave the expression out of the surface.
        face_model: of the optimiser and of "mean".
    """

    def __init__(
        self,
        weights: str | None,
        boxes: BoxSource = "protocol",
        *,
        neutral: bool = False,
        face_model: str = "default",
    ) -> None:
        self.neutral = neutral
        if weights == MEAN:
            self.name, self._made = MEAN, model_surface(load_face_model(face_model))
        else:
            self._predictor = load_predictor(weights, boxes, face_model)
            self.name = self._predictor.name

    def __call__(self, name: str, picture: NDArray[np.uint8], box: Box | None) -> Surface:
        """The surface of the face in `box`, in model space.

        Raises:
            NoFaceError: none was found there.
        """
        if self.name == MEAN:
            return replace(self._made, name=name)
        return face_surface(name, self._predictor(picture, box), self.neutral)


def face_surface(name: str, face: PredictedFace, neutral: bool) -> Surface:
    """The outside of a predicted face with its landmarks, mm in model space."""
    values = face.coefficients
    if neutral:
        values = replace(values, expression=torch.zeros_like(values.expression))
    with torch.no_grad():
        vertices = face.model.vertices(values)
        points = face.model.landmark_points(vertices, "ibug68")
    return outer_surface(face.model, name, vertices[0].numpy(), points[0].numpy())


def read_surfaces(path: Path, names: Sequence[str]) -> tuple[dict[str, Surface], dict[str, str]]:
    """Predictions by name, and the reasons why some are missing.

    A .npz holds `names` (N,), `vertices` (N,V,3), `faces` (F,3) and `ibug68` (N,68,3), NaN rows
    for failures. A folder holds NAME.obj (or .ply, .npz), each with NAME.npy beside it: the 68
    landmarks (68,3), or the seven of NoW (7,3). The unit should be mm where a recipe keeps the
    scale.

    Raises:
        MissingFileError: no such file or folder.
        InputError: a name that is not in the set, truncated arrays, wrong shapes.
    """
    if not path.exists():
        raise MissingFileError(str(path), "The predictions", "Give a .npz or a folder of meshes.")
    if path.is_dir():
        return _from_folder(path, names)
    return _from_archive(path, names)


def write_surfaces(path: Path, names: Sequence[str], surfaces: Mapping[str, Surface]) -> None:
    """Write predictions of one topology; those that are missing become NaN."""
    if not surfaces:
        return
    first = next(iter(surfaces.values()))
    vertices = np.full((len(names), *first.vertices.shape), np.nan, np.float32)
    points = np.full((len(names), 68, 3), np.nan, np.float32)
    for row, name in enumerate(names):
        if name in surfaces:
            vertices[row], points[row] = surfaces[name].vertices, surfaces[name].landmarks
    write_whole(
        path,
        lambda part: np.savez_compressed(
            part, names=np.array(names), vertices=vertices, faces=first.faces, ibug68=points
        ),
    )


def _from_archive(path: Path, names: Sequence[str]) -> tuple[dict[str, Surface], dict[str, str]]:
    arrays = read_npz(path, list(_ARCHIVE))
    for key, (kinds, shape) in _ARCHIVE.items():
        array = arrays[key]
        fits = len(array.shape) == len(shape) and all(
            want in (0, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind not in kinds:
            wanted = "(" + ", ".join(str(n or "any") for n in shape) + ")"
            what = f"{'text' if kinds == 'U' else 'numbers'} of shape {wanted}"
            raise InputError(f"{path}: {key}", what, f"{array.dtype} {array.shape}")
    listed = [str(name) for name in arrays["names"]]
    for key in ("vertices", "ibug68"):
        if len(arrays[key]) != len(listed):
            raise InputError(f"{path}: {key}", f"{len(listed)} rows", f"{len(arrays[key])}")
    unknown = sorted(set(listed) - set(names))
    if unknown or len(set(listed)) < len(listed):
        raise InputError(f"{path}: names", "each once, of this set", f"{unknown[:3] or 'a double'}")
    surfaces: dict[str, Surface] = {}
    failures = {name: "no prediction" for name in names if name not in listed}
    for row, name in enumerate(listed):
        vertices, points = (arrays[k][row].astype(np.float64) for k in ("vertices", "ibug68"))
        if not np.isfinite(vertices).all():
            failures[name] = "vertices are NaN"
        else:
            surfaces[name] = Surface(name, vertices, arrays["faces"].astype(np.int64), points)
    return surfaces, failures


def _from_folder(path: Path, names: Sequence[str]) -> tuple[dict[str, Surface], dict[str, str]]:
    surfaces: dict[str, Surface] = {}
    failures: dict[str, str] = {}
    for name in names:
        surface = attempt(name, partial(_one, path, name))
        if isinstance(surface, Failed):
            failures[name] = surface.message
        else:
            surfaces[name] = surface
    if not surfaces:
        raise MissingFileError(
            str(path / names[0]), "Every prediction", "First: " + failures[names[0]]
        )
    return surfaces, failures


def _one(folder: Path, name: str) -> Surface:
    paths = [folder / f"{name}{suffix}" for suffix in (".obj", ".ply", ".npz")]
    path = next((p for p in paths if p.is_file()), paths[0])
    mesh = read_mesh(path)
    points = np.full((68, 3), np.nan)
    beside = path.parent / f"{path.stem}.npy"
    if not beside.is_file():
        raise MissingFileError(
            str(beside), "The landmarks of a prediction", "Save (68,3) or (7,3)."
        )
    marks = read_npy(beside, "landmarks (68,3) or (7,3)")
    if marks.dtype.kind not in "fiu" or marks.size not in (21, 204):
        got = f"{marks.dtype} {marks.shape}"
        raise InputError(str(beside), "68 or 7 landmarks, (68,3) or (7,3)", got)
    marks = marks.reshape(-1, 3)
    points[list(_NOW_ORDER) if len(marks) == 7 else slice(None)] = marks
    return Surface(name, mesh.vertices, mesh.faces, points)
