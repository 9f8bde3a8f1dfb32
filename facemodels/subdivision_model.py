"""Reader of the default model's file: level-0 bases, subdivided once on loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..geometry.face_model import FaceModel
from ..geometry.landmarks import LandmarkSet
from .archive import require
from .rim import smooth_rim
from .subdivide import catmull_clark, triangles

FORMAT = "selfie3d-subdivision-model-1"
_REQUIRED = [
    "header",
    "quads",
    "mean",
    "identity",
    "expression",
    "mirror",
    "face_quads",
    "albedo_mean",
    "albedo_basis",
    "landmarks_ibug68",
    "uv_face",
    "uv_corners_face",
    "uv_head",
    "uv_corners_head",
]


@dataclass(frozen=True)
class _Cut:
    """The level-1 vertices (sorted ids) and quads (mask) that a model keeps."""

    vertices: NDArray[np.int64]
    quads: NDArray[np.int64]
    local: NDArray[np.int64]


def is_subdivision_model(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are a model this package's builder wrote."""
    return "header" in arrays and FORMAT in str(arrays["header"])


def from_subdivision_file(
    arrays: Mapping[str, NDArray], path: Path, *, whole_head: bool = False
) -> FaceModel:
    """The face (skin, eyeballs, mouth sock) or the whole head at Catmull-Clark level 1.

    Args:
        arrays: content of the file `path` (see docs/face_model_format.md).
        path: named in errors.
        whole_head: keep skull, ears, neck and eye cavities too.

    Raises:
        InputError: an array is missing or unusable.
    """
    require(arrays, _REQUIRED, path)
    header = json.loads(str(arrays["header"]))
    matrix, quads = catmull_clark(arrays["quads"].astype(np.int64), len(arrays["mean"]))
    keep = np.unpackbits(arrays["face_quads"], count=len(quads)).astype(bool)
    cut = _cut(quads if whole_head else quads[keep], matrix.shape[0])
    if not whole_head:
        matrix = smooth_rim(matrix, cut.quads)
    rows = matrix.astype(np.float32)[cut.vertices]
    suffix = "head" if whole_head else "face"
    return FaceModel.from_arrays(
        name="default-head" if whole_head else "default",
        mean=_refine(rows, arrays["mean"][None])[0],
        faces=cut.local[triangles(cut.quads)],
        identity=_refine(rows, arrays["identity"]),
        expression=_refine(rows, arrays["expression"]),
        expression_names=header["expression_names"],
        albedo_mean=arrays["albedo_mean"][cut.vertices],
        albedo_basis=arrays["albedo_basis"][:, cut.vertices].astype(np.float32),
        uv=arrays[f"uv_{suffix}"],
        uv_faces=triangles(arrays[f"uv_corners_{suffix}"].astype(np.int64)),
        landmarks=_landmarks(arrays, cut),
        regions=_regions(arrays, cut, matrix.shape[0]),
        mirror=cut.local[arrays["mirror"][cut.vertices].astype(np.int64)],
        unit="mm",
        origin=(0.0, 0.0, 0.0),
        licence=header["licence"],
        source=f"{header['source']}. {header['notice']}",
    )


def _cut(quads: NDArray[np.int64], count: int) -> _Cut:
    vertices = np.unique(quads)
    local = np.full(count, -1)
    local[vertices] = np.arange(len(vertices))
    return _Cut(vertices, quads, local)


def _refine(rows: NDArray, basis: NDArray) -> torch.Tensor:
    """Subdivide displacements (K,V0,3); one sparse product for all of them."""
    flat = basis.astype(np.float32).transpose(1, 0, 2).reshape(basis.shape[1], -1)
    fine = (rows @ flat).reshape(rows.shape[0], len(basis), 3)
    return torch.from_numpy(np.ascontiguousarray(fine.transpose(1, 0, 2)))


def _landmarks(arrays: Mapping[str, NDArray], cut: _Cut) -> dict[str, LandmarkSet]:
    ids = torch.from_numpy(cut.local[arrays["landmarks_ibug68"].astype(np.int64)])
    ibug68 = LandmarkSet.from_vertices("ibug68", ids)
    if "landmarks_300w_lp_offset" not in arrays:
        return {"ibug68": ibug68}
    offset = torch.from_numpy(arrays["landmarks_300w_lp_offset"])
    return {"ibug68": ibug68, "300w-lp": replace(ibug68, name="300w-lp", offset=offset)}


def _regions(arrays: Mapping[str, NDArray], cut: _Cut, count: int) -> dict[str, NDArray]:
    prefix = "region_"
    names = [n for n in arrays if n.startswith(prefix)]
    return {
        n.removeprefix(prefix): np.unpackbits(arrays[n], count=count).astype(bool)[cut.vertices]
        for n in sorted(names)
    }
