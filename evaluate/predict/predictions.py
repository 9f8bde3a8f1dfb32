"""Files of predictions: one row per image, in the data set's own landmark set and frame.

predictions.npz holds `names` (N,), `landmarks_68` (N,3,68) and, where there are poses, `pose_deg`
(N,3): pitch, yaw, roll. A row of NaN is an image that failed. (N,2,68) is read, too: no depth, NaN.
Bare arrays without names (.npy, or .npz without `names`) are taken as one row for every image of
the data set, in its order.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError, UnknownNameError
from ...core.given_file import open_given
from ...core.npy_file import read_npy
from ...core.npz_file import NpzArrays
from ...core.whole_file import prepare_folder, write_whole

Array = NDArray[np.float64]
LANDMARKS = "landmarks_68"
_LARGEST = 1e5  # pixels of a coordinate
_SMALLEST = 3.0  # pixels: photographs are larger, and so is some coordinate in one of them
_MANY = 20  # heads, one of which is turned by more than three degrees
_DAMAGED = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, KeyError)


@dataclass(frozen=True)
class Predictions:
    """Predictions for the images of a data set.

    Attributes:
        names: (N) file names.
        landmarks: (N,3,K); x and y are NaN where the image failed, z also where there is none.
        pose_deg: (N,3) pitch, yaw, roll in degrees, or None.
        failures: name to reason, for every row with NaN.
    """

    names: tuple[str, ...]
    landmarks: Array
    pose_deg: Array | None
    failures: dict[str, str]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) which images did not fail."""
        return np.asarray(~np.isnan(self.landmarks[:, :2]).any((1, 2)))


def write_predictions(path: Path, predictions: Predictions, key: str = LANDMARKS) -> None:
    """Write a file that `read_predictions` reads; it is whole or not there, and its folder is made.

    Args:
        path: of the .npz.
        predictions: what is written.
        key: name of the array of landmarks.

    Raises:
        InputError: it cannot be written.
    """
    arrays: dict[str, NDArray] = {
        "names": np.array(predictions.names, dtype=np.str_),
        key: predictions.landmarks.astype(np.float32),
    }
    if predictions.pose_deg is not None:
        arrays["pose_deg"] = predictions.pose_deg.astype(np.float32)
    prepare_folder(path.parent)
    write_whole(path, lambda partial: np.savez_compressed(partial, allow_pickle=False, **arrays))


def read_predictions(
    path: Path, names: Sequence[str], key: str = LANDMARKS, points: int = 68
) -> Predictions:
    """Predictions in the order of a data set.

    Args:
        path: .npz or .npy.
        names: of the data set's images; those the file lacks become failures.
        key: the array of landmarks in an .npz.
        points: landmarks of the data set.

    Raises:
        MissingFileError: no such file.
        UnknownNameError: a name that the data set does not have.
        InputError: a damaged or truncated file, no such array, wrong shapes, a name twice.
    """
    arrays = read_arrays(path)
    given = _landmarks(path, arrays, key, points)
    if "names" not in arrays:
        if len(given) != len(names):
            raise InputError(
                str(path),
                f"{len(names)} rows, one per image of the data set, as it holds no names",
                str(len(given)),
                "Add an array `names`.",
            )
        rows = np.arange(len(names))
    else:
        rows = _match(path, arrays["names"], names, len(given))
    landmarks = np.full((len(names), 3, points), np.nan)
    landmarks[rows] = given
    pose = _pose(path, arrays.get("pose_deg"), rows, len(names), len(given))
    return Predictions(tuple(names), landmarks, pose, _failures(landmarks, names, rows))


def named_rows(path: Path, names: Sequence[str]) -> list[int]:
    """Which rows of a data set a file of predictions names, in the data set's order.

    Raises:
        InputError: the file holds no names, or they are none of the data set's.
    """
    arrays = read_arrays(path)
    if "names" not in arrays:
        raise InputError(str(path), "an array `names`", f"only {', '.join(arrays)}")
    return sorted(_match(path, arrays["names"], names, len(arrays["names"])).tolist())


def read_arrays(path: Path) -> Mapping[str, NDArray]:
    """The arrays of an .npz, or of an .npy under the name `landmarks_68`.

    Raises:
        MissingFileError: no such file.
        InputError: a damaged or truncated file, or one with Python objects.
    """
    if not path.exists():
        raise MissingFileError(str(path), "The file of predictions", "Check the path.")
    with open_given(path, "a whole .npz or .npy") as stream:
        single = stream.read(2) != b"PK"
    if single:
        return {LANDMARKS: read_npy(path, "a whole .npz or .npy")}
    return NpzArrays(path, "a whole .npz or .npy")


def _landmarks(path: Path, arrays: Mapping[str, NDArray], key: str, points: int) -> Array:
    if key not in arrays:
        others = ", ".join(sorted(set(arrays) - {"names"})) or "nothing"
        remedy = "Name another with key=NAME."
        raise InputError(str(path), f"an array {key}", f"a file with {others}", remedy)
    values = arrays[key]
    shapes = ((3, points), (2, points))
    if values.ndim != 3 or values.shape[1:] not in shapes or values.dtype.kind not in "fiu":
        got = f"{values.dtype} {values.shape}"
        turned = values.ndim == 3 and values.shape[:0:-1] in shapes
        remedy = "Transpose it: landmarks.transpose(0, 2, 1)." if turned else ""
        raise InputError(f"{path}: {key}", f"numbers of shape (N,3,{points})", got, remedy)
    _check_pixels(f"{path}: {key}", values)
    depth = np.full((len(values), 3 - values.shape[1], points), np.nan)
    return np.concatenate([values.astype(np.float64), depth], 1)


def _check_pixels(name: str, values: NDArray) -> None:
    """Refuse numbers that are no pixels of a photograph.

    Raises:
        InputError: infinite, huge, or all within a few pixels.
    """
    if np.isinf(values).any():
        raise InputError(name, "finite numbers, or NaN for a failure", "infinity")
    sizes = np.abs(values[~np.isnan(values)].astype(np.float64))
    if sizes.size and sizes.max() > _LARGEST:
        raise InputError(name, f"pixels of photographs, at most {_LARGEST:g}", f"{sizes.max():.3g}")
    plane = np.abs(values[:, :2][~np.isnan(values[:, :2])].astype(np.float64))
    if plane.size and plane.max() <= _SMALLEST:
        remedy = "Multiply x with the photograph's width and y with its height."
        got = f"numbers of at most {plane.max():.3g}"
        raise InputError(name, "pixels of the photograph", got, remedy)


def _match(path: Path, given: NDArray, names: Sequence[str], count: int) -> NDArray[np.int64]:
    """The data set's row of every row of the file."""
    if given.shape != (count,) or given.dtype.kind != "U":
        expected = f"{count} texts, one per row"
        remedy = "Bytes become texts by names.astype(str)." if given.dtype.kind == "S" else ""
        raise InputError(f"{path}: names", expected, f"{given.dtype} {given.shape}", remedy)
    row_of = {name: row for row, name in enumerate(names)}
    for name in given.tolist():
        if name not in row_of:
            raise UnknownNameError(f"image in {path}", name, _near(name, names))
    rows = np.array([row_of[name] for name in given.tolist()], np.int64)
    values, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        twice = names[int(values[counts > 1][0])]
        raise InputError(f"{path}: names", "every name once", f"{twice} {counts.max()} times")
    return rows


def _near(name: str, names: Sequence[str]) -> list[str]:
    """A few names like it: a message with thousands would help nobody."""
    from difflib import get_close_matches

    return get_close_matches(name, names, n=5, cutoff=0.0)


def _pose(
    path: Path, values: NDArray | None, rows: NDArray[np.int64], count: int, given: int
) -> Array | None:
    if values is None:
        return None
    if values.shape != (given, 3) or values.dtype.kind not in "fiu":
        raise InputError(f"{path}: pose_deg", f"numbers of shape ({given},3)", f"{values.shape}")
    _check_degrees(f"{path}: pose_deg", values)
    pose = np.full((count, 3), np.nan)
    pose[rows] = values
    return pose


def _check_degrees(name: str, values: NDArray) -> None:
    """Refuse angles that are no degrees of many different heads.

    Raises:
        InputError: infinite, more than a turn, or small enough for radians.
    """
    if np.isinf(values).any():
        raise InputError(name, "finite degrees, or NaN for a failure", "infinity")
    sizes = np.abs(values[~np.isnan(values)].astype(np.float64))
    if sizes.size and sizes.max() > 360:
        raise InputError(name, "degrees of at most 360", f"{sizes.max():.3g}")
    if len(values) >= _MANY and sizes.size and 0.2 < sizes.max() <= np.pi + 0.1:
        got = f"{len(values)} poses within {sizes.max():.2f}, which look like radians"
        raise InputError(name, "degrees", got, "Convert them: np.rad2deg(pose).")


def _failures(landmarks: Array, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, str]:
    there = np.zeros(len(names), bool)
    there[rows] = True
    reasons = {}
    for row in np.flatnonzero(np.isnan(landmarks[:, :2]).any((1, 2))).tolist():
        reasons[names[row]] = "NaN in its landmarks" if there[row] else "not in the file"
    return reasons
