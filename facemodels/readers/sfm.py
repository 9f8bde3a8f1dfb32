"""The Surrey Face Model (Huber et al. 2016): 3,448 vertices, packed from eos into one .npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from .archive import require

_NUMBERS = ("mean", "basis", "eigenvalues", "faces", "expression", "uv")
_REQUIRED = ["mean", "basis", "eigenvalues", "faces", "expression", "ibug68_index0_to_vertex"]


def is_sfm(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are the Surrey Face Model's: `basis` and `eigenvalues`."""
    return {"basis", "eigenvalues", "ibug68_index0_to_vertex"} <= set(arrays)


def from_sfm(arrays: Mapping[str, NDArray], path: Path) -> FaceModel:
    """The model from `mean` (V,3) mm, unit-norm `basis` (V,3,63), `eigenvalues` and blendshapes.

    18 of the 68 landmarks have no vertex: the 16 jaw points beside the chin's and the inner mouth
    corners, which are marked invalid.

    Raises:
        InputError: an array is missing or unusable.
    """
    require(arrays, _REQUIRED, path)
    other = next((n for n in _NUMBERS if n in arrays and arrays[n].dtype.kind not in "fiu"), None)
    if other is not None:
        raise InputError(f"{path}: {other}", "an array of numbers", str(arrays[other].dtype))
    variance, basis = arrays["eigenvalues"].astype(np.float64), arrays["basis"].astype(np.float64)
    if variance.ndim != 1 or basis.ndim != 3 or basis.shape[1:] != (3, len(variance)):
        got = f"{basis.shape} and {variance.shape}"
        raise InputError(f"{path}: basis", "(V,3,K) and eigenvalues (K,)", got)
    if not (variance >= 0).all():
        raise InputError(f"{path}: eigenvalues", "variances of at least 0", "others")
    identity = basis.transpose(2, 0, 1) * np.sqrt(variance)[:, None, None]
    names = arrays.get("expression_names", np.array([], dtype=np.str_))
    return FaceModel.from_arrays(
        ModelFacts(
            "sfm-3448",
            licence="free for use for non-commercial purposes",
            source="https://github.com/patrikhuber/eos",
        ),
        ModelMesh(
            arrays["mean"].astype(np.float32),
            arrays["faces"],
            uv=_upright(arrays["uv"]) if "uv" in arrays else None,
            unit="mm",
        ),
        ModelBases(
            identity=identity.astype(np.float32),
            expression=arrays["expression"].astype(np.float32),
            identity_kind="gaussian",
            expression_kind="blendshape",
            expression_names=[str(n) for n in names],
        ),
        landmarks={"ibug68": _landmarks(arrays["ibug68_index0_to_vertex"], path)},
    )


def _upright(uv: NDArray) -> NDArray:
    """eos counts v downwards from the forehead; here v is up."""
    return np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32)


def _landmarks(table: NDArray, path: Path) -> LandmarkSet:
    """Rows (landmark 0..67, vertex) as a set in which the other points are invalid."""
    fits = table.ndim == 2 and table.shape[1] == 2 and table.dtype.kind in "iu"
    if not fits or not ((table[:, 0] >= 0) & (table[:, 0] < 68)).all():
        expected = "rows of a point 0..67 and a vertex"
        raise InputError(f"{path}: ibug68_index0_to_vertex", expected, str(table.shape))
    ids, valid = np.zeros(68, np.int64), np.zeros(68, bool)
    ids[table[:, 0]], valid[table[:, 0]] = table[:, 1], True
    return LandmarkSet.from_vertices("ibug68", ids.tolist(), valid=valid.tolist())
