"""Reader and writer of the generic face model file; see docs/face_model_format.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.face_model import FaceModel
from ..geometry.landmarks import LandmarkSet
from .archive import require
from .builder.pack import write_npz

FORMAT = "selfie3d-face-model-1"
_BASES = ("identity", "expression")
_OPTIONAL = (*_BASES, "albedo_mean", "albedo_basis", "uv", "uv_faces", "mirror", "origin")


def is_generic(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are a generic face model: they say so, or have `mean` and `faces`."""
    return _text(arrays, "format", "") == FORMAT or {"mean", "faces"} <= set(arrays)


def from_npz(arrays: Mapping[str, NDArray], path: Path) -> FaceModel:
    """A face model from the arrays of the generic file `path`.

    Raises:
        InputError: an array is missing, has the wrong shape or kind, an index out of range or NaN;
            the message names file and array.
    """
    require(arrays, ["mean", "faces"], path)
    numeric = {n: a for n, a in arrays.items() if a.dtype.kind in "fiub"}
    known = [n for n in ("mean", "faces", *_OPTIONAL) if n in arrays]
    for name in known:
        if name not in numeric:
            raise InputError(f"{path}: {name}", "an array of numbers", str(arrays[name].dtype))
    given = {n: _floats(numeric[n]) for n in known}
    try:
        return FaceModel.from_arrays(
            name=_text(arrays, "name", path.stem),
            identity_kind=_kind(arrays, "identity_kind", "gaussian"),
            expression_kind=_kind(arrays, "expression_kind", "blendshape"),
            expression_names=[str(n) for n in arrays.get("expression_names", ())],
            landmarks=_landmarks(numeric),
            regions={n[7:]: a for n, a in numeric.items() if n.startswith("region_")},
            unit=_text(arrays, "unit", "mm"),
            licence=_text(arrays, "licence", ""),
            source=_text(arrays, "source", str(path)),
            **given,  # type: ignore[arg-type]
        )
    except InputError as error:
        where = f"{path}: {error.argument}"
        raise InputError(where, error.expected, error.got, error.remedy) from error


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
    for key in ("mean", "faces", *_BASES, "albedo_mean", "albedo_basis", "uv", "uv_faces"):
        arrays[key] = getattr(model, key).cpu().numpy()
    if model.mirror is not None:
        arrays["mirror"] = model.mirror.cpu().numpy()
    for name, points in model.landmarks.items():
        for part in ("vertices", "weights", "offset", "valid"):
            arrays[f"landmarks_{name}_{part}"] = getattr(points, part).cpu().numpy()
        arrays[f"landmarks_{name}_contour_2d"] = np.array(points.contour == "2d")
    arrays |= {f"region_{name}": mask.cpu().numpy() for name, mask in model.regions.items()}
    write_npz(path, arrays)
    return path


def _floats(array: NDArray) -> NDArray:
    """float16 and float64 as float32, which is what models compute in."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _text(arrays: Mapping[str, NDArray], name: str, default: str) -> str:
    return str(arrays[name].reshape(-1)[0]) if name in arrays and arrays[name].size else default


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
    def part(key: str) -> NDArray | None:
        return arrays.get(f"landmarks_{name}_{key}")

    ids = torch.from_numpy(arrays[f"landmarks_{name}_vertices"].astype(np.int64))
    valid = part("valid")
    flags = None if valid is None else torch.from_numpy(valid.astype(bool))
    twisted = part("contour_2d")
    contour: Literal["2d", "3d"] = "2d" if twisted is not None and bool(twisted) else "3d"
    if ids.ndim == 1:
        return LandmarkSet.from_vertices(name, ids, contour, flags)
    weights, offset = part("weights"), part("offset")
    count = len(ids)
    return LandmarkSet(
        name,
        ids,
        torch.full((count, 3), 1 / 3) if weights is None else torch.from_numpy(_floats(weights)),
        torch.zeros(count, 3) if offset is None else torch.from_numpy(_floats(offset)),
        torch.ones(count, dtype=torch.bool) if flags is None else flags,
        contour,
    )
