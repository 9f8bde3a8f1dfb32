"""Reader of the default model's file: level-0 bases, subdivided once on loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from ..core.errors import InputError
from ..geometry.face_model import SHIPPED_VERSION, FaceModel
from ..geometry.landmarks import LandmarkSet
from ..geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from .landmark_fit import READOUTS, read_readout
from .readers.archive import require
from .subdivide import catmull_clark, neck_cap, smooth_rim, triangles

FORMAT = "selfie3d-subdivision-model-2"
MODEL_VERSION = SHIPPED_VERSION
_FAMILY = "selfie3d-subdivision-model-"
_REQUIRED = [
    "header",
    "quads",
    "mean",
    "identity",
    "expression",
    "inner_mean",
    "inner_quads",
    "inner_weights",
    "inner_identity",
    "inner_expression",
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
class WholeHead:
    """The finest level: the subdivided head, the inner parts, copies of the neck's rim.

    Attributes:
        matrix: (S,V0) from the head's stored vertices to its subdivided ones; quads: (F,4) of all.
        rim: (N,) the vertices that the last N of all copy; count: of all vertices, V.
    """

    matrix: sparse.csr_matrix
    quads: NDArray[np.int64]
    rim: NDArray[np.int64]
    count: int


@dataclass(frozen=True)
class _Cut:
    """The vertices (sorted ids) and quads that a model keeps; local: (V,) new numbers."""

    vertices: NDArray[np.int64]
    quads: NDArray[np.int64]
    local: NDArray[np.int64]


def is_subdivision_model(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are a model that a builder of this package wrote, of any version."""
    return "header" in arrays and _FAMILY in str(arrays["header"])


def read_header(arrays: Mapping[str, NDArray], path: Path) -> dict:
    """The header of the file `path`.

    Raises:
        InputError: of another version, or no header.
    """
    try:
        header = json.loads(str(arrays["header"]))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: header", "JSON", str(error)) from None
    if not isinstance(header, dict):
        raise InputError(f"{path}: header", "names and values", type(header).__name__)
    version = str(header.get("format", "")).removeprefix(_FAMILY)
    if header.get("format") != FORMAT or header.get("version") != MODEL_VERSION:
        raise InputError(
            str(path),
            f"a face model of version {MODEL_VERSION}",
            f"version {header.get('version', version) or 'unknown'}",
            "Build it again: selfie3d model build.",
        )
    return header


def whole_head(arrays: Mapping[str, NDArray]) -> WholeHead:
    """Subdivide the head of a model file and put it together with its inner parts."""
    matrix, quads = catmull_clark(arrays["quads"].astype(np.int64), len(arrays["mean"]))
    skin, inner = matrix.shape[0], len(arrays["inner_mean"])
    rim, cap = neck_cap(quads, skin + inner)
    whole = np.concatenate([quads, arrays["inner_quads"].astype(np.int64) + skin, cap])
    return WholeHead(matrix, whole, rim, skin + inner + len(rim))


def from_subdivision_file(
    arrays: Mapping[str, NDArray], path: Path, *, whole: bool = True
) -> FaceModel:
    """The whole head, or the face alone, at Catmull-Clark level 1.

    Args:
        arrays: content of the file `path` (see docs/face_model_format.md).
        path: named in errors.
        whole: False leaves out skull, neck and eye cavities.

    Raises:
        InputError: of another version, or an array is missing or unusable.
    """
    require(arrays, ["header"], path)
    header = read_header(arrays, path)
    require(arrays, _REQUIRED, path)
    head = whole_head(arrays)
    keep = np.unpackbits(arrays["face_quads"], count=len(head.quads)).astype(bool)
    cut = _cut(head.quads if whole else head.quads[keep], head.count)
    suffix = "head" if whole else "face"
    shapes = _Shapes(arrays, head, cut, smooth=not whole)
    return FaceModel.from_arrays(
        ModelFacts(
            "default" if whole else "default-face",
            licence=header["licence"],
            source=f"{header['source']}. {header['notice']}",
            version=MODEL_VERSION,
        ),
        ModelMesh(
            shapes.mean(),
            cut.local[triangles(cut.quads)],
            uv=arrays[f"uv_{suffix}"],
            uv_faces=triangles(arrays[f"uv_corners_{suffix}"].astype(np.int64)),
            mirror=cut.local[arrays["mirror"][cut.vertices].astype(np.int64)],
            unit="mm",
            origin=(0.0, 0.0, 0.0),
        ),
        ModelBases(
            identity=shapes.basis("identity"),
            expression=shapes.basis("expression"),
            expression_names=header["expression_names"],
            albedo_mean=arrays["albedo_mean"][cut.vertices],
            albedo_basis=arrays["albedo_basis"][:, cut.vertices].astype(np.float32),
        ),
        landmarks=_landmarks(arrays, cut),
        regions=_regions(arrays, cut, head.count),
    )


class _Shapes:
    """Means and bases of the kept vertices, from level 0 and the carriers of the inner parts."""

    def __init__(
        self, arrays: Mapping[str, NDArray], head: WholeHead, cut: _Cut, *, smooth: bool
    ) -> None:
        self._arrays = arrays
        skin, inner = head.matrix.shape[0], len(arrays["inner_mean"])
        matrix = head.matrix
        if smooth:
            matrix = smooth_rim(matrix, cut.quads[(cut.quads < skin).all(1)])
        ids = cut.vertices
        self._rows = matrix.astype(np.float32)[ids[ids < skin]]
        self._inner = ids[(ids >= skin) & (ids < skin + inner)] - skin
        self._cap = matrix.astype(np.float32)[head.rim[ids[ids >= skin + inner] - skin - inner]]

    def mean(self) -> NDArray[np.float32]:
        """Positions (V,3)."""
        mean = self._arrays["mean"]
        inner = self._arrays["inner_mean"][self._inner]
        return np.concatenate([self._rows @ mean, inner, self._cap @ mean])

    def basis(self, name: str) -> torch.Tensor:
        """Displacements (K,V,3); one sparse product for all of them."""
        coarse = self._arrays[name].astype(np.float32)
        count, size = len(coarse), coarse.shape[1]
        flat = np.ascontiguousarray(coarse.transpose(1, 0, 2)).reshape(size, -1)
        fine = [self._rows @ flat, self._carried(name), self._cap @ flat]
        whole = np.concatenate([part.reshape(-1, count, 3) for part in fine])
        return torch.from_numpy(np.ascontiguousarray(whole.transpose(1, 0, 2)))

    def _carried(self, name: str) -> NDArray[np.float32]:
        """Displacements (n,3K) of the inner parts: a blend of affine motions [A | t]."""
        motion = self._arrays[f"inner_{name}"].astype(np.float32)
        weights = self._arrays["inner_weights"].astype(np.float32)[self._inner]
        points = self._arrays["inner_mean"][self._inner]
        blended = (weights @ motion.transpose(1, 0, 2, 3).reshape(weights.shape[1], -1)).reshape(
            len(points), len(motion), 3, 4
        )
        moved = np.einsum("nkij,nj->nki", blended[..., :3], points) + blended[..., 3]
        return moved.reshape(len(points), -1)


def _cut(quads: NDArray[np.int64], count: int) -> _Cut:
    vertices = np.unique(quads)
    local = np.full(count, -1)
    local[vertices] = np.arange(len(vertices))
    return _Cut(vertices, quads, local)


def _landmarks(arrays: Mapping[str, NDArray], cut: _Cut) -> dict[str, LandmarkSet]:
    ids = torch.from_numpy(cut.local[arrays["landmarks_ibug68"].astype(np.int64)])
    ibug68 = LandmarkSet.from_vertices("ibug68", ids)
    sets = {"ibug68": ibug68}
    for name in READOUTS:
        version, offset = read_readout(name)
        moved = torch.from_numpy(offset)
        sets[name] = replace(ibug68, name=name, offset=moved, version=version)
    return sets


def _regions(arrays: Mapping[str, NDArray], cut: _Cut, count: int) -> dict[str, NDArray]:
    prefix = "region_"
    names = [n for n in arrays if n.startswith(prefix)]
    return {
        n.removeprefix(prefix): np.unpackbits(arrays[n], count=count).astype(bool)[cut.vertices]
        for n in sorted(names)
    }
