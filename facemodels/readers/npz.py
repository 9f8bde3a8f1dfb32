"""Reader and writer of the generic face model file; see docs/face_model_format.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..builder.pack import write_npz
from .archive import require
from .basel_regions import with_basel_regions

FORMAT = "selfie3d-face-model-1"
_MOST = 1 << 31  # vertices
_EYES_IN = "ibug68"
_BASES = ("identity", "expression")
_LEVEL = 3  # of compression: 1 s for the shipped head and 25.4 MB; 9 takes 4 s for 24.6 MB
_ALBEDO = ("albedo_mean", "albedo_basis")
_CHART = ("uv", "uv_faces")
_MESH = ("mean", "faces", *_CHART, "mirror", "origin")


def is_generic(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are a generic face model: they say so, or have `mean` and `faces`."""
    if {"mean", "faces"} <= set(arrays):
        return True
    return "format" in arrays and str(arrays["format"].reshape(-1)[:1]) == f"['{FORMAT}']"


def from_npz(arrays: Mapping[str, NDArray], path: Path) -> FaceModel:
    """A face model from the arrays of the generic file `path`; other arrays are not read.

    Raises:
        InputError: an array is missing, has the wrong shape or kind, an index out of range or NaN;
            the message names file and array.
    """
    require(arrays, ["mean", "faces"], path)
    try:
        model = FaceModel.from_arrays(
            ModelFacts(
                _text(arrays, "name", path.stem),
                licence=_text(arrays, "licence", ""),
                source=_text(arrays, "source", str(path)),
            ),
            ModelMesh(
                unit=_text(arrays, "unit", "mm"),
                **_with_origin(_there(arrays, _MESH), arrays),
            ),
            ModelBases(
                identity_kind=_kind(arrays, "identity_kind", "gaussian"),
                expression_kind=_kind(arrays, "expression_kind", "blendshape"),
                expression_names=_texts(arrays, "expression_names"),
                **_there(arrays, (*_BASES, *_ALBEDO)),
            ),
            landmarks=_landmarks(arrays),
            regions={n[7:]: _flags(arrays, n) for n in arrays if n.startswith("region_")},
        )
        return with_basel_regions(model)
    except InputError as error:
        if error.argument.startswith(str(path)):
            raise
        where = f"{path}: {error.argument}"
        raise InputError(where, error.expected, error.got, error.remedy) from error


def _there(arrays: Mapping[str, NDArray], names: Sequence[str]) -> dict[str, NDArray]:
    """Those of the arrays that the file has."""
    return {name: _numbers(arrays, name) for name in names if name in arrays}


def _with_origin(given: dict[str, NDArray], arrays: Mapping[str, NDArray]) -> dict[str, Any]:
    """A model with neither origin nor landmarks to estimate it from gets the middle of its box."""
    if "origin" in given or f"landmarks_{_EYES_IN}_vertices" in arrays:
        return given
    mean = given["mean"]
    if mean.ndim != 2 or not mean.size:
        return given
    return given | {"origin": (mean.max(0) + mean.min(0)) / 2}


def save_npz(model: FaceModel, path: Path) -> Path:
    """Write any face model as a generic file (mm, model space) that `from_npz` reads back."""
    arrays: dict[str, NDArray] = {
        "format": np.array(FORMAT),
        "name": np.array(model.name),
        "licence": np.array(model.licence),
        "source": np.array(model.source),
        "unit": np.array("mm"),
        "origin": np.zeros(3, np.float32),
        "identity_kind": np.array(model.identity_kind),
        "expression_kind": np.array(model.expression_kind),
        "expression_names": np.array(model.expression_names, dtype=np.str_),
    }
    for key in ("mean", "faces", *_BASES, *_ALBEDO, *_CHART):
        arrays[key] = getattr(model, key).cpu().numpy()
    if model.mirror is not None:
        arrays["mirror"] = model.mirror.cpu().numpy()
    for name, points in model.landmarks.items():
        for part in ("vertices", "weights", "offset", "valid"):
            arrays[f"landmarks_{name}_{part}"] = getattr(points, part).cpu().numpy()
        arrays[f"landmarks_{name}_contour_2d"] = np.array(points.contour == "2d")
    arrays |= {f"region_{name}": mask.cpu().numpy() for name, mask in model.regions.items()}
    write_npz(path, arrays, _LEVEL)
    return path


def _numbers(arrays: Mapping[str, NDArray], name: str) -> NDArray:
    """An array of numbers; float16 and float64 as float32, which is what models compute in."""
    array = arrays[name]
    if array.dtype.kind not in "fiu":
        raise InputError(name, "an array of numbers", f"{array.dtype} {array.shape}")
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _flags(arrays: Mapping[str, NDArray], name: str) -> NDArray[np.bool_]:
    """An array of truths, or of 0 and 1."""
    array = arrays[name]
    if array.dtype.kind not in "fiub" or not np.isin(array, (0, 1)).all():
        got = f"{array.dtype} {array.shape}"
        raise InputError(name, "true and false, or 0 and 1", got)
    return array.astype(bool)


def _text(arrays: Mapping[str, NDArray], name: str, default: str) -> str:
    """A single text."""
    if name not in arrays:
        return default
    array = arrays[name]
    if array.dtype.kind != "U" or array.size != 1:
        raise InputError(name, "a single text", f"{array.dtype} {array.shape}")
    return str(array.reshape(-1)[0]) or default


def _texts(arrays: Mapping[str, NDArray], name: str) -> list[str]:
    array = arrays.get(name, np.zeros(0, np.str_))
    if (array.dtype.kind != "U" and array.size) or array.ndim != 1:
        raise InputError(name, "a list of texts", f"{array.dtype} {array.shape}")
    return [str(text) for text in array]


def _kind(
    arrays: Mapping[str, NDArray], name: str, default: str
) -> Literal["gaussian", "blendshape"]:
    kind = _text(arrays, name, default)
    if kind not in ("gaussian", "blendshape"):
        raise InputError(name, "gaussian or blendshape", repr(kind))
    return cast(Literal["gaussian", "blendshape"], kind)


def _landmarks(arrays: Mapping[str, NDArray]) -> dict[str, LandmarkSet]:
    """Sets stored as landmarks_NAME_vertices (L,) or (L,3), with weights, offset, valid if any."""
    prefix, suffix = "landmarks_", "_vertices"
    keys = [k for k in arrays if k.startswith(prefix) and k.endswith(suffix)]
    names = [k.removeprefix(prefix).removesuffix(suffix) for k in keys]
    return {name: _landmark_set(arrays, name) for name in sorted(names)}


def _landmark_set(arrays: Mapping[str, NDArray], name: str) -> LandmarkSet:
    def key(part: str) -> str:
        return f"landmarks_{name}_{part}"

    ids = _numbers(arrays, key("vertices"))
    if ids.ndim not in (1, 2) or ids.shape[1:] not in ((), (3,)) or not _whole(ids):
        got = f"{ids.dtype} {ids.shape}"
        raise InputError(key("vertices"), "whole numbers of shape (L,) or (L,3)", got)
    if name == "ibug68" and len(ids) != 68:
        raise InputError(key("vertices"), "68 points", str(len(ids)))
    given = {part for part in ("weights", "offset", "valid", "contour_2d") if key(part) in arrays}
    valid = _flags(arrays, key("valid")) if "valid" in given else np.ones(len(ids), bool)
    twisted = _flags(arrays, key("contour_2d")) if "contour_2d" in given else np.zeros(1, bool)
    if twisted.size != 1 or valid.shape != (len(ids),):
        wrong = "contour_2d" if twisted.size != 1 else "valid"
        shape = f"({len(ids)},)" if wrong == "valid" else "()"
        got = f"shape {arrays[key(wrong)].shape}"
        raise InputError(key(wrong), f"shape {shape}", got)
    contour: Literal["2d", "3d"] = "2d" if bool(twisted.reshape(-1)[0]) else "3d"
    vertices = torch.from_numpy(ids.astype(np.int64))
    if ids.ndim == 1:
        return LandmarkSet.from_vertices(name, vertices, contour, torch.from_numpy(valid))
    weights = _numbers(arrays, key("weights")) if "weights" in given else np.full(ids.shape, 1 / 3)
    offset = _numbers(arrays, key("offset")) if "offset" in given else np.zeros(ids.shape)
    return LandmarkSet(
        name,
        vertices,
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(offset.astype(np.float32)),
        torch.from_numpy(valid),
        contour,
    )


def _whole(ids: NDArray) -> bool:
    """Whether these are whole numbers that an index can be."""
    return bool((np.abs(ids) < _MOST).all() and (ids == np.floor(ids)).all())
