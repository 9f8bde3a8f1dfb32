"""Dense points on AFLW2000-3D: NME in 2D and 3D, of the shape after alignment, and after ICP.

SADRNet (eq 25, Tables I and II) takes some 45,000 points: 43,867 texels of the face in the UV map,
or the region common to all methods. PRNet's vertices and Basel's are not the same points, so a
file says which vertices it holds, and both sides of a comparison must hold the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.npy_file import map_npy, read_npy
from ...core.progress import progress_bar
from ...core.text_files import read_text_numbers
from ...datasets.photographs.aflw2000 import Aflw2000
from ...datasets.photographs.aflw2000_fit import fitted_points, read_basis
from ..metrics.dense import KINDS, NEAREST, dense_errors, nearest_nme
from ..metrics.landmarks import eye_distance
from .aflw2000_options import DenseOptions

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DenseTruth:
    """The true points of every image.

    Attributes:
        count: V, vertices.
        at: (V,3) of a row of the data set, in the annotation's frame.
        mean: (V,3) the mean face on these vertices; None where it is not known.
    """

    count: int
    at: Callable[[int], Array]
    mean: Array | None = None


def open_truth(options: DenseOptions, data: Aflw2000) -> DenseTruth:
    """The truth that the options name.

    Raises:
        MissingFileError, InputError: a file is missing, damaged or of another shape.
    """
    if options.truth:
        stored = open_points(Path(options.truth), len(data.names))
        return DenseTruth(stored.shape[1], lambda row: stored[row])
    basis = read_basis(Path(options.basis))
    return DenseTruth(len(basis.mean), lambda row: fitted_points(data, row, basis), basis.mean)


def score_dense(
    options: DenseOptions, data: Aflw2000, rows: Sequence[int], truth: DenseTruth
) -> dict[str, Array]:
    """Errors in percent of a file's points, (len(rows),) each, by kind.

    Args:
        options: the file, and which points count.
        data: the data set.
        rows: of the images.
        truth: of the same vertices.

    Raises:
        MissingFileError, InputError: a file is missing, damaged or of another shape.
    """
    predicted = open_points(Path(options.predictions), len(data.names))
    count = predicted.shape[1]
    if truth.count != count:
        raise InputError("dense.predictions", f"the truth's {truth.count} vertices", str(count))
    chosen = chosen_points(options.points, count)
    eyes = eye_distance(data.points.transpose(0, 2, 1))
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with progress_bar("Scoring dense points", len(rows)) as advance:
        for row in rows:
            pair = predicted[row][chosen], truth.at(row)[chosen]
            for kind, value in errors_of_pair(*pair, float(eyes[row])).items():
                errors[kind].append(value)
            advance()
    return {kind: np.array(values) for kind, values in errors.items()}


def errors_of_pair(predicted: NDArray, truth: NDArray, eyes: float) -> dict[str, float]:
    """All of `KINDS`, percent; see `dense_errors` and `nearest_nme`."""
    return dense_errors(predicted, truth, eyes) | {NEAREST: nearest_nme(predicted, truth)}


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


def chosen_points(file: str, count: int) -> NDArray[np.int64]:
    """The vertices that count: those of a file, or all.

    Args:
        file: .npy or text of numbers; "" takes all.
        count: of the vertices.

    Raises:
        MissingFileError, InputError: no such file, or numbers of no vertices.
    """
    if not file:
        return np.arange(count)
    path = Path(file)
    if not path.is_file():
        raise MissingFileError(file, "The list of vertices", "Check the path.")
    numbers = read_npy(path) if path.suffix == ".npy" else read_text_numbers(path)
    chosen = numbers.astype(np.int64).ravel() if numbers.dtype.kind in "fiu" else np.array([], int)
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= count:
        raise InputError(file, f"vertex numbers of 0 to {count - 1}", "others, or none")
    return chosen
