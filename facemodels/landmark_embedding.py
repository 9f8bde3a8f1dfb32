"""Landmarks given as triangles and barycentric coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.landmarks import Contour, LandmarkSet
from .layout import Ints, indices_of


def embedded(
    name: str,
    triangles: NDArray,
    weights: NDArray,
    faces: Ints,
    path: Path,
    contour: Contour = "3d",
) -> LandmarkSet:
    """The set of points at `weights` (..., L, 3) in `triangles` (..., L) of `faces` (F,3).

    Raises:
        InputError: shapes that do not fit, or a triangle that does not exist.
    """
    ids = indices_of(f"{name}: lmk_faces_idx", triangles, len(faces), path, first=0)
    if weights.shape != (*triangles.shape, 3) or weights.dtype.kind != "f":
        expected = str((*triangles.shape, 3))
        raise InputError(f"{path}: {name}: lmk_bary_coords", expected, str(weights.shape))
    flat = torch.from_numpy(weights.reshape(-1, 3).astype(np.float32))
    valid = torch.ones(len(ids), dtype=torch.bool)
    corners = torch.from_numpy(faces[ids])
    return LandmarkSet(name, corners, flat, torch.zeros(len(ids), 3), valid, contour)
