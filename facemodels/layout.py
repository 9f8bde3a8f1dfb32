"""What readers of face models share: parts of the default mesh, families of models, and layouts.

Files hold stacked vectors x0, y0, z0, x1, ... and indices that count from 0 or 1; the functions
here bring them into the shapes that a face model wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.registry import Registry
from ..geometry.face_model import FaceModel
from .readers.source import Source

FACE = 0  # skin of the facial mask
SKIN = 1  # the rest of the head's skin, ears and neck stub
CAVITY = 2  # the pockets behind the eyelids
MOUTH = 3  # the mouth sock
EYE = 4  # the eyeballs
UPPER_TEETH, LOWER_TEETH = 5, 6
UPPER_GUMS, LOWER_GUMS = 7, 8  # with the palate and the floor of the mouth
TONGUE = 9
CAP = 10  # the flat base of the neck

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Arrays = dict[str, Any]  # fields of ModelMesh or ModelBases, by name


@dataclass(frozen=True)
class Family:
    """A reader and its facts.

    Attributes:
        title: the models it reads.
        layout: where the names, shapes and types of the arrays are documented.
        space: unit and axes of the files; everything is turned into mm and model space.
        notes: what the conversion decides.
        recognise: whether a source is of this family, by its content.
        read: the model of a source; InputError or MissingFileError name what is wrong.
        trims: whether `read` itself keeps the wanted numbers of modes.
    """

    title: str
    layout: str
    space: str
    recognise: Callable[[Source], bool]
    read: Callable[[Source], FaceModel]
    notes: str = ""
    trims: bool = False


FAMILIES: Registry[Family] = Registry("kind of face model")


def points_of(name: str, vector: NDArray, path: Path) -> Floats:
    """A vector of 3V numbers, of whatever orientation, as (V,3).

    Raises:
        InputError: it is no such vector.
    """
    flat = _numbers(name, vector, path).reshape(-1)
    if flat.size == 0 or flat.size % 3 or max(vector.shape, default=0) != flat.size:
        raise InputError(f"{path}: {name}", "a vector of 3 numbers per vertex", str(vector.shape))
    return _float32(name, flat.reshape(-1, 3), path)


def basis_of(name: str, columns: NDArray, deviation: NDArray, *, count: int, path: Path) -> Floats:
    """Columns (3V,K) times their standard deviations (K) as (K,V,3).

    Raises:
        InputError: the sizes do not fit.
    """
    matrix = _numbers(name, columns, path)
    scale = _numbers(f"{name}'s deviations", deviation, path).reshape(-1).astype(np.float64)
    if matrix.ndim != 2 or len(matrix) != 3 * count:
        expected = f"{3 * count} rows, x, y, z of {count} vertices"
        raise InputError(f"{path}: {name}", expected, str(matrix.shape))
    if matrix.shape[1] != len(scale):
        raise InputError(f"{path}: {name}", f"{len(scale)} columns, a deviation each",
                         str(matrix.shape))  # fmt: skip
    if bool((scale < 0).any()):
        raise InputError(f"{path}: {name}", "deviations of at least 0", f"{scale.min():g}")
    with np.errstate(over="ignore"):
        scaled = matrix.astype(np.float64) * scale
    return _float32(name, scaled.T.reshape(len(scale), count, 3), path)


def indices_of(name: str, values: NDArray, count: int, *, path: Path, first: int = 1) -> Ints:
    """Indices counted from `first`, as a vector counted from 0.

    Raises:
        InputError: fractions, or an index outside 0..count-1.
    """
    flat = _numbers(name, values, path).reshape(-1)
    ids = flat.astype(np.int64) - first
    if not np.array_equal(flat, ids + first) or (
        ids.size and not (0 <= ids.min() <= ids.max() < count)
    ):
        got = f"{flat.min():g}..{flat.max():g}"
        raise InputError(f"{path}: {name}", f"indices in {first}..{count + first - 1}", got)
    return ids


def triangles_of(name: str, table: NDArray, count: int, *, path: Path, first: int = 1) -> Ints:
    """A table (F,3) or (3,F) of indices as (F,3).

    Raises:
        InputError: it is no such table.
    """
    if table.ndim != 2 or 3 not in table.shape:
        raise InputError(f"{path}: {name}", "triangles (F,3) or (3,F)", str(table.shape))
    upright = table if table.shape[1] == 3 else table.T
    return indices_of(name, np.ascontiguousarray(upright), count, path=path, first=first).reshape(
        -1, 3
    )


def outward(mean: NDArray, faces: Ints) -> Ints:
    """The triangles turned so that most of them look away from the middle of the surface.

    The Basel models of 2009 wind them clockwise (eos, share/scripts/convert-bfm2009-to-eos.py);
    Deep3D's tables of the same surface do not.
    """
    corners = mean[faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = corners.mean(1) - mean.mean(0)
    return faces if (normals * away).sum() >= 0 else np.ascontiguousarray(faces[:, [0, 2, 1]])


def mirror_of(mean: NDArray, tolerance: float) -> Ints | None:
    """Every vertex's mirror image at x = 0, or None where the surface is not symmetric.

    Args:
        mean: (V,3).
        tolerance: how far apart images may lie, in the unit of `mean`.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(mean)
    distance, image = tree.query(mean * np.array([-1.0, 1.0, 1.0]))
    paired = np.array_equal(image[image], np.arange(len(mean)))
    return image.astype(np.int64) if paired and float(distance.max()) <= tolerance else None


def _float32(name: str, values: NDArray, path: Path) -> Floats:
    """As float32, which cannot hold every number of a file."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(np.float32)
    if not np.isfinite(cast).all():
        raise InputError(f"{path}: {name}", "numbers that float32 holds", "larger ones")
    return cast


def _numbers(name: str, values: NDArray, path: Path) -> NDArray:
    if values.dtype.kind not in "fiub":
        raise InputError(f"{path}: {name}", "an array of numbers", str(values.dtype))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{path}: {name}", "finite numbers", "NaN or infinity")
    return values
