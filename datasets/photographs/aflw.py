"""AFLW's 21 points on the 21,080 crops of 3DDFA: photographs of whose points some are not visible.

Koestinger et al., Annotated Facial Landmarks in the Wild, 2011; research use only. 3DDFA's layout:

    ROOT/AFLW_GT_crop/imageNNNNN.jpg       the crops, 120 x 120 pixels
    ROOT/AFLW_GT_crop.list                 their names, one per row
    ROOT/AFLW_GT_crop_roi_box.npy (N,4)    sx,sy,ex,ey: first and last pixel of the crop, 1-based
    ROOT/AFLW_GT_crop_yaws.npy (N,)        degrees
    ROOT/AFLW_GT_pts21.npy (N,2,21)        1-based pixels before cropping; -1, -1: not visible
    ROOT/AFLW_GT_pts68.npy (N,2 or 3,68)   fitted 68 points, whose box is the unit of the error

The .npy and .list files may also lie in ROOT/test.configs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given_text
from ...core.npy_file import read_npy

Array = NDArray[np.float64]

_SIDE = 120  # pixels of a crop
_REMEDY = (
    "The lists are in test.configs of github.com/cleardusk/3DDFA, the crops (AFLW_GT_crop) are "
    "linked in its README; AFLW is for research only."
)
_FROM_68: tuple[tuple[int, ...], ...] = (
    (17,), (19,), (21,), (22,), (24,), (26,),
    (36,), (36, 37, 38, 39, 40, 41), (39,), (42,), (42, 43, 44, 45, 46, 47), (45,),
    (2,), (31,), (30,), (35,), (14,),
    (48,), (60, 61, 62, 63, 64, 65, 66, 67), (54,), (8,),
)  # fmt: skip
"""The 68 landmarks (from 0) of which each of AFLW's 21 points is the mean (3DDFA, eval of AFLW)."""


@dataclass(frozen=True)
class VisiblePoints:
    """A data set of N photographs with K points.

    Attributes:
        names: N names.
        photographs: folder of the photographs.
        points: (N,K,2) in the annotation's frame; what stands in hidden rows means nothing.
        visible: (N,K) bool.
        size: (N,) length that is 100 % of an error, annotation pixels.
        yaw_deg: (N,) or None.
        from_68: (K,68), how each point is made of the 68 landmarks; rows sum to 1.
        scale: (N,) annotation pixels per photograph pixel.
        shift: (N,2): annotation = scale * photograph + shift, photograph pixels by our convention.
        boxes: (N,4) box round the face's landmarks, photograph pixels.
    """

    names: tuple[str, ...]
    photographs: Path
    points: Array
    visible: NDArray[np.bool_]
    size: Array
    yaw_deg: Array | None
    from_68: Array
    scale: Array
    shift: Array
    boxes: Array

    def __post_init__(self) -> None:
        count, points = len(self.names), self.from_68.shape[0]
        shapes: dict[str, tuple[int, ...]] = {
            "points": (count, points, 2), "visible": (count, points), "size": (count,),
            "from_68": (points, 68), "scale": (count,), "shift": (count, 2), "boxes": (count, 4),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(name, f"shape {shape}", str(getattr(self, name).shape))
        if not np.allclose(self.from_68.sum(1), 1):
            raise InputError("from_68", "rows that sum to 1", str(self.from_68.sum(1).round(3)))

    def to_annotation(self, row: int, points: Array) -> Array:
        """Points (L,2+) of a photograph in the annotation's frame; z is scaled, not shifted."""
        moved = self.scale[row] * np.asarray(points, np.float64)
        moved[:, :2] += self.shift[row]
        return moved

    def to_photograph(self, row: int, points: Array) -> Array:
        """The way back, for (L,2) points."""
        return (np.asarray(points, np.float64) - self.shift[row]) / self.scale[row]


def load_rows(path: Path, what: str, remedy: str) -> NDArray:
    """An array of numbers from an .npy.

    Raises:
        MissingFileError: no such file; the message says what it is and where it comes from.
        InputError: a damaged file, or no numbers.
    """
    if not path.exists():
        raise MissingFileError(str(path), what, remedy)
    values = read_npy(path)
    if values.dtype.kind not in "fiu":
        raise InputError(str(path), "an array of numbers", "something else", remedy)
    return values


def require_photographs(folder: Path, names: tuple[str, ...], remedy: str) -> None:
    """Check that every photograph is there.

    Raises:
        MissingFileError: some are not; the message says how many and names the first.
    """
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        first = folder / missing[0]
        what = f"{len(missing)} of {len(names)} photographs, the first of which is {missing[0]},"
        raise MissingFileError(str(first), what, remedy)


def aflw_from_68() -> Array:
    """How AFLW's 21 points are made of the 68 landmarks.

    >>> aflw_from_68()[7].nonzero()[0]  # the middle of an eye lies among its six points
    array([36, 37, 38, 39, 40, 41])

    Returns:
        (21,68) weights; rows sum to 1.
    """
    weights = np.zeros((21, 68))
    for point, members in enumerate(_FROM_68):
        weights[point, list(members)] = 1 / len(members)
    return weights


def read_aflw(root: Path) -> VisiblePoints:
    """The data set in 3DDFA's layout.

    The crop's pixels are those of the photograph from sx to ex, both included: measured on
    AFLW2000-3D's crops, which the same program made.

    Raises:
        MissingFileError: a file is not there; the message says what it is and where to get it.
        InputError: a damaged file, or arrays that do not fit each other.
    """
    root = Path(root)
    lists = root / "test.configs" if (root / "test.configs").is_dir() else root
    listing = lists / "AFLW_GT_crop.list"
    if not listing.exists():
        raise MissingFileError(str(listing), "The list of AFLW's crops", _REMEDY)
    names = tuple(Path(line).name for line in read_given_text(listing, "a list of names").split())
    arrays = {}
    for name in ("crop_roi_box", "crop_yaws", "pts21", "pts68"):
        path = lists / f"AFLW_GT_{name}.npy"
        arrays[name] = load_rows(path, "An array of AFLW", _REMEDY).astype(np.float64)
        if len(arrays[name]) != len(names):
            raise InputError(str(path), f"{len(names)} rows as in the list", f"{len(arrays[name])}")
    require_photographs(root / "AFLW_GT_crop", names, _REMEDY)
    _check(arrays)
    points, fitted = arrays["pts21"].transpose(0, 2, 1), arrays["pts68"][:, :2]
    roi = arrays["crop_roi_box"]
    inner = _SIDE / 2 * np.array([1 - 0.5**0.5, 1 + 0.5**0.5])  # the crop is sqrt 2 of the box
    return VisiblePoints(
        names,
        root / "AFLW_GT_crop",
        points,
        (points != -1).all(2),
        np.sqrt(np.prod(np.ptp(fitted, axis=2), axis=1)),
        arrays["crop_yaws"],
        aflw_from_68(),
        (roi[:, 2] - roi[:, 0] + 1) / _SIDE,
        roi[:, :2] - 0.5,
        np.tile(inner[[0, 0, 1, 1]], (len(names), 1)),
    )


def _check(arrays: dict[str, Array]) -> None:
    shapes = {"crop_roi_box": (4,), "crop_yaws": (), "pts21": (2, 21)}
    for name, shape in shapes.items():
        if arrays[name].shape[1:] != shape:
            raise InputError(f"AFLW_GT_{name}", f"shape (N, *{shape})", str(arrays[name].shape))
    if arrays["pts68"].shape[1:] not in ((2, 68), (3, 68)):
        raise InputError("AFLW_GT_pts68", "shape (N,2 or 3,68)", str(arrays["pts68"].shape))
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise InputError(f"AFLW_GT_{name}", "finite numbers", "NaN or infinity")
    roi = arrays["crop_roi_box"]
    if not (roi[:, 2:] > roi[:, :2]).all():
        raise InputError("AFLW_GT_crop_roi_box", "sx < ex and sy < ey", "others")
