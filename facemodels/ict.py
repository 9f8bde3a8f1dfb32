"""ICT-FaceKit's light model, packed from its OBJ files into one .npz (Li et al. 2020, MIT)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..geometry.face_model import FaceModel
from ..geometry.landmarks import LandmarkSet
from .archive import require

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
    ibug68 = LandmarkSet.from_vertices("ibug68", arrays["landmarks68"].astype(np.int64).tolist())
    return FaceModel.from_arrays(
        name="ict-facekit",
        mean=arrays["base"].astype(np.float32),
        faces=arrays["faces"].astype(np.int64),
        identity=arrays["identity"].astype(np.float32),
        expression=arrays["expression"].astype(np.float32),
        identity_kind="gaussian",
        expression_kind="blendshape",
        expression_names=[str(n) for n in arrays["expression_names"]],
        uv=arrays["uv"].astype(np.float32) if "uv" in arrays else None,
        uv_faces=arrays["faces_uv"].astype(np.int64) if "faces_uv" in arrays else None,
        landmarks={"ibug68": ibug68},
        unit="cm",
        licence="MIT",
        source="https://github.com/ICT-VGL/ICT-FaceKit",
    )
