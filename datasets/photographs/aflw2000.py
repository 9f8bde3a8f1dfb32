"""AFLW2000-3D: 2,000 photographs with 68 fitted 3D points and the pose of the fit.

Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016. Research use only; from
http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm. Two layouts are read:

    FOLDER/image00002.jpg, image00002.mat, ...         as the data set is distributed
    FOLDER/aflw2000/       the same, all images or some
    FOLDER/aflw2000_gt/    rows of all 2,000 images as 3DDFA's test.configs has them, and names.txt:
        AFLW2000-3D.pts68.npy (N,3,68)    AFLW2000-3D-Reannotated.pts68.npy (N,2,68)
        AFLW2000-3D.pose.npy (N,)         AFLW2000-3D-new.pose.npy (N,)

The annotation's frame is MATLAB's: the centre of the first pixel is (1, 1), y down, z larger nearer
the camera. `to_annotation` and `to_pixels` are the only places that know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given_text
from ...core.mat_file import MatArrays
from ...core.npy_file import read_npy

Array = NDArray[np.float64]
_SHIFT = 0.5  # MATLAB's centre of the first pixel less ours
_SOURCE = (
    "AFLW2000-3D is for research only; get it from "
    "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm."
)
_ROWS = "Its rows come from github.com/cleardusk/3DDFA, folder test.configs."


@dataclass(frozen=True)
class Aflw2000:
    """The annotations, one row per image, and where the images are.

    Attributes:
        names: N file names with suffix, in alphabetical order.
        points: (N,3,68) original points in the annotation's frame.
        reannotated: (N,2,68) points made again by LS3D-W's annotators, or None.
        yaw_fitted: (N,) degrees, of the fitted pose (Pose_Para); one of 2,000 reads -351.
        yaw_labels: (N,) absolute degrees, from AFLW's own labels, or None.
        images: folder of the .jpg and .mat files, or None where only rows are there.
        has_image: (N,) bool.
    """

    names: tuple[str, ...]
    points: Array
    reannotated: Array | None
    yaw_fitted: Array
    yaw_labels: Array | None
    images: Path | None
    has_image: NDArray[np.bool_]

    def image_path(self, row: int) -> Path:
        """The photograph of a row.

        Raises:
            MissingFileError: it is not there.
        """
        if self.images is None or not self.has_image[row]:
            raise MissingFileError(self.names[row], "The photograph", _SOURCE)
        return self.images / self.names[row]

    def pose_deg(self, row: int) -> Array:
        """Fitted pitch, yaw and roll (3,) in degrees, from the .mat file.

        Raises:
            MissingFileError: no .mat file.
            InputError: a damaged one, or without Pose_Para.
        """
        mat = read_mat(self.image_path(row).with_suffix(".mat"), {"Pose_Para": (1, 7)})
        return np.rad2deg(mat["Pose_Para"][0, :3])


def to_annotation(points: Array) -> Array:
    """Points in our pixels as points in the annotation's frame; z is not changed.

    >>> to_annotation(np.array([[0.5, 0.5]]))  # the centre of the first pixel
    array([[1., 1.]])

    Args:
        points: (...,2+).
    """
    moved = np.array(points, np.float64)
    moved[..., :2] += _SHIFT
    return moved


def to_pixels(points: Array) -> Array:
    """Points of the annotation as points in our pixels; z is not changed.

    >>> to_pixels(np.array([[1.0, 1.0]]))  # the annotation counts pixels from 1
    array([[0.5, 0.5]])

    Args:
        points: (...,2+).
    """
    moved = np.array(points, np.float64)
    moved[..., :2] -= _SHIFT
    return moved


def read_aflw2000(root: Path) -> Aflw2000:
    """The annotations in a folder of either layout.

    >>> from tempfile import TemporaryDirectory
    >>> from scipy.io import savemat
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "image00002.jpg").write_bytes(b"")  # photographs are read later
    ...     pose = np.array([[0.0, np.pi / 6, 0.0, 0.0, 0.0, 0.0, 1.0]])
    ...     savemat(Path(folder, "image00002.mat"),
    ...             {"pt3d_68": np.zeros((3, 68)), "Pose_Para": pose})
    ...     annotations = read_aflw2000(Path(folder))
    >>> annotations.names, annotations.points.shape, annotations.yaw_fitted.round(3)
    (('image00002.jpg',), (1, 3, 68), array([30.]))

    Raises:
        MissingFileError: there is no such data; the message names what is missing and its source.
        InputError: a file is damaged, lacks a key, or has another shape.
    """
    root = Path(root)
    rows = root / "aflw2000_gt"
    if rows.is_dir():
        return _read_rows(rows, root / "aflw2000")
    folder = root / "aflw2000" if (root / "aflw2000").is_dir() else root
    photos = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    if not photos:
        what = "A folder of .jpg and .mat files, or one that holds aflw2000/ and aflw2000_gt/,"
        raise MissingFileError(str(root), what, _SOURCE)
    keys: dict[str, tuple[int, ...]] = {"pt3d_68": (3, 68), "Pose_Para": (1, 7)}
    mats = [read_mat(photo.with_suffix(".mat"), keys) for photo in photos]
    return Aflw2000(
        tuple(photo.name for photo in photos),
        np.stack([mat["pt3d_68"] for mat in mats]),
        None,
        np.rad2deg([mat["Pose_Para"][0, 1] for mat in mats]),
        None,
        folder,
        np.ones(len(photos), bool),
    )


def read_mat(
    path: Path, shapes: dict[str, tuple[int, ...]], remedy: str = _SOURCE
) -> dict[str, Array]:
    """Some arrays of a MATLAB file.

    Args:
        path: the file.
        shapes: what each wanted array must have.
        remedy: said where the file is missing.

    Raises:
        MissingFileError: no such file.
        InputError: a damaged file, a key that is not there, another shape, or NaN.
    """
    if not path.exists():
        raise MissingFileError(str(path), "The annotation of an image", remedy)
    content = MatArrays(path)
    arrays: dict[str, Array] = {}
    for key, shape in shapes.items():
        if key not in content:
            known = ", ".join(sorted({*content, *content.others})) or "none"
            raise InputError(str(path), f"the array {key}", f"only {known}")
        values = content[key]
        _check(f"{path}: {key}", values, shape)
        arrays[key] = np.asarray(values, np.float64)
    return arrays


def _check(label: str, values: Array, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise InputError(label, f"shape {shape}", str(values.shape))
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise InputError(label, "finite numbers", "others", "Get the file again.")


def _read_rows(folder: Path, images: Path) -> Aflw2000:
    listing = folder / "names.txt"
    if not listing.exists():
        what = "names.txt, the names of the rows in alphabetical order,"
        raise MissingFileError(str(listing), what, _ROWS)
    names = tuple(read_given_text(listing, "a list of names").split())
    count = len(names)
    yaw = _rows(folder / "AFLW2000-3D.pose.npy", (count,))
    points = _rows(folder / "AFLW2000-3D.pts68.npy", (count, 3, 68))
    if points is None or yaw is None:
        missing = "AFLW2000-3D.pts68.npy" if points is None else "AFLW2000-3D.pose.npy"
        raise MissingFileError(str(folder / missing), "An array of rows", _ROWS)
    return Aflw2000(
        names,
        points,
        _rows(folder / "AFLW2000-3D-Reannotated.pts68.npy", (count, 2, 68)),
        yaw,
        _rows(folder / "AFLW2000-3D-new.pose.npy", (count,)),
        images if images.is_dir() else None,
        np.array([(images / name).is_file() for name in names], bool),
    )


def _rows(path: Path, shape: tuple[int, ...]) -> Array | None:
    """An array with a row per image; None where there is no such file."""
    if not path.exists():
        return None
    values = read_npy(path)
    _check(str(path), values, shape)
    return values.astype(np.float64)
