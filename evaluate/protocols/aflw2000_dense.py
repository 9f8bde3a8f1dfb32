"""Dense points on AFLW2000-3D: NME in 2D and 3D, and of the shape after alignment.

SADRNet (eq 25, Tables I and II) takes some 45,000 points: 43,867 texels of the face in the UV map,
or the region common to all methods. PRNet's vertices and Basel's are not the same points, so a
file says which vertices it holds, and both sides of a comparison must hold the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.npy_file import map_npy, read_npy
from ...core.progress import progress_bar
from ...core.text_files import read_text_numbers
from ...datasets.photographs.aflw2000 import Aflw2000
from ...datasets.photographs.aflw2000_fit import fitted_points, read_basis
from ..metrics.landmarks import aligned, box_size, centre_depth, eye_distance, landmark_nme
from .aflw2000_options import DenseOptions

Array = NDArray[np.float64]
_LARGEST = 1e5  # pixels of a coordinate
Truth = Callable[[int], Array]
PLANE, SPACE, SHAPE = "dense, 2D", "dense, 3D", "reconstruction"


def score_dense(options: DenseOptions, data: Aflw2000, rows: Sequence[int]) -> dict[str, Array]:
    """Errors in percent of the images `rows`, (len(rows),) each, by kind.

    Raises:
        MissingFileError, InputError: a file is missing, damaged or of another shape.
    """
    predicted = open_points(Path(options.predictions), len(data.names))
    count = predicted.shape[1]
    if options.truth:
        stored = open_points(Path(options.truth), len(data.names))
        truth: Truth = lambda row: stored[row]  # noqa: E731
        held = stored.shape[1]
    else:
        basis = read_basis(Path(options.basis))
        truth, held = (lambda row: fitted_points(data, row, basis)), len(basis.mean)
    if held != count:
        raise InputError("dense.predictions", f"the truth's {held} vertices", str(count))
    chosen = _chosen(options.points, count)
    eyes = eye_distance(data.points.transpose(0, 2, 1))
    errors: dict[str, list[float]] = {PLANE: [], SPACE: [], SHAPE: []}
    with progress_bar("Scoring dense points", len(rows)) as advance:
        for row in rows:
            of_row = dense_errors(predicted[row][chosen], truth(row)[chosen], float(eyes[row]))
            for kind, value in of_row.items():
                errors[kind].append(value)
            advance()
    return {kind: np.array(values) for kind, values in errors.items()}


def dense_errors(predicted: NDArray, truth: NDArray, eyes: float) -> dict[str, float]:
    """Errors of one face in percent.

    Args:
        predicted: (V,3) in the truth's frame; NaN marks a failure.
        truth: (V,3).
        eyes: outer-eye distance of the truth in 3D, the unit of the shape's error.

    Returns:
        `PLANE` and `SPACE` by the square root of the box's area of the points in use, the depth's
        mean taken off both; `SHAPE` after the least-squares similarity.
    """
    source, target = np.asarray(predicted)[None], np.asarray(truth)[None]
    if np.nanmax(np.abs(source), initial=0) > _LARGEST:
        got = f"{np.nanmax(np.abs(source)):.3g}"
        raise InputError("dense.predictions", f"pixels of at most {_LARGEST:g}", got)
    size = box_size(target)
    return {
        PLANE: float(landmark_nme(source[..., :2], target[..., :2], size)[0]),
        SPACE: float(landmark_nme(centre_depth(source), centre_depth(target), size)[0]),
        SHAPE: float(landmark_nme(aligned(source, target), target, np.array([eyes]))[0]),
    }


def open_points(path: Path, count: int) -> NDArray:
    """An .npy (N,V,3), left on disk until rows are asked for.

    Raises:
        MissingFileError: no such file.
        InputError: a damaged file or another shape.
    """
    if not path.exists():
        raise MissingFileError(str(path), "The file of dense points", "Check the path.")
    points = map_npy(path, "a whole .npy")
    good = points.ndim == 3 and points.dtype.kind == "f"
    if not good or points.shape[0] != count or points.shape[2] != 3:
        got = f"{points.dtype} {points.shape}"
        raise InputError(str(path), f"real numbers of shape ({count},V,3)", got)
    return points


def _chosen(file: str, count: int) -> NDArray[np.int64] | slice:
    if not file:
        return slice(None)
    path = Path(file)
    if not path.is_file():
        raise MissingFileError(file, "The list of vertices", "Check the path.")
    numbers = read_npy(path) if path.suffix == ".npy" else read_text_numbers(path)
    chosen = numbers.astype(np.int64).ravel() if numbers.dtype.kind in "fiu" else np.array([], int)
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= count:
        raise InputError(file, f"vertex numbers of 0 to {count - 1}", "others, or none")
    return chosen
