"""ICT-FaceKit's light model, packed from its OBJ files into one .npz (Li et al. 2020, MIT)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.face_model import FaceModel
from ..geometry.landmarks import LandmarkSet
from .archive import require
from .layout import indices_of, mirror_of, triangles_of

ICT_REGIONS = {"face": 9409, "narrow-face": 6706, "skin": 11248}
"""How many of the first vertices lie in a part of the surface (ICT-FaceKit, README.md)."""
ICT_TOLERANCE = 0.01
"""How far, in cm, mirror images lie apart in the mean face."""
_REQUIRED = ["base", "faces", "identity", "expression", "expression_names", "landmarks68"]


def is_ict(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are ICT-FaceKit's: `base` and `landmarks68` beside the modes."""
    return {"base", "landmarks68", "identity"} <= set(arrays)


def from_ict(arrays: Mapping[str, NDArray], path: Path) -> FaceModel:
    """ICT-FaceKit from `base` (V,3) cm, `identity` (100,V,3) and `expression` (57,V,3) offsets.

    Its identity modes are not orthogonal; their weights are standard normal all the same.

    Raises:
        InputError: an array is missing or unusable.
    """
    require(arrays, _REQUIRED, path)
    mean = _floats(arrays, "base", path)
    if mean.ndim != 2 or mean.shape[1] != 3:
        raise InputError(f"{path}: base", "shape (V,3)", str(mean.shape))
    points = indices_of("landmarks68", arrays["landmarks68"], len(mean), path, first=0)
    if len(points) != 68:
        raise InputError(f"{path}: landmarks68", "68 vertices", str(len(points)))
    ibug68 = LandmarkSet.from_vertices("ibug68", points.tolist())
    return FaceModel.from_arrays(
        name="ict-facekit",
        mean=mean,
        faces=triangles_of("faces", arrays["faces"], len(mean), path, first=0),
        identity=_floats(arrays, "identity", path),
        expression=_floats(arrays, "expression", path),
        identity_kind="gaussian",
        expression_kind="blendshape",
        expression_names=[str(n) for n in arrays["expression_names"]],
        uv=_floats(arrays, "uv", path) if "uv" in arrays else None,
        uv_faces=arrays.get("faces_uv"),
        landmarks={"ibug68": ibug68},
        regions=ict_regions(len(mean)) if len(mean) in ICT_REGIONS.values() else {},
        mirror=mirror_of(mean, ICT_TOLERANCE),
        unit="cm",
        licence="MIT",
        source="https://github.com/ICT-VGL/ICT-FaceKit",
    )


def _floats(arrays: Mapping[str, NDArray], name: str, path: Path) -> NDArray[np.float32]:
    if arrays[name].dtype.kind not in "fiu":
        raise InputError(f"{path}: {name}", "an array of numbers", str(arrays[name].dtype))
    return arrays[name].astype(np.float32)


def ict_regions(count: int) -> dict[str, NDArray[np.bool_]]:
    """The named parts among the first `count` vertices of ICT-FaceKit."""
    return {name: np.arange(count) < end for name, end in ICT_REGIONS.items()}
