"""AFLW-LFPA: 34 points on a selection of AFLW, of which the visible ones are given.

Jourabloo and Liu, Pose-Invariant 3D Face Alignment, ICCV 2015, and Large-Pose Face Alignment via
CNN-Based Dense 3D Model Fitting, CVPR 2016 (cvlab.cse.msu.edu, project pages PIFA and LPFA). The
annotation is sent by its authors, and how its 34 points lie among the 68 is published nowhere; so
it is read from one file that the user makes of it, and which has to say so:

    ROOT/images/NAME                  the photographs
    ROOT/lfpa34.npz
        names (N,)                    file names under images/
        landmarks_34 (N,2,34)         1-based pixels, y down; NaN or -1, -1: not visible
        from_68 (34,68)               weights of the 68 landmarks in each point, rows sum to 1
        boxes (N,4), optional         x0,y0,x1,y1 in the same pixels; else round the visible points
        yaw_deg (N,), optional

For training, those of the 34 points that are one of the 68 each stand in `ibug68-3d`, whose other
points are unknown; where a point lies between landmarks, no loss of ours has a place for it. PIFA's
points are vertices of a 3D model, so those on the jaw are taken to lie on it, not on the outline.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.image_file import read_image
from ...core.npz_file import read_npz
from ..batches.sample import FaceSample, checked
from .aflw import VisiblePoints, require_photographs
from .record import read_side_files

Array = NDArray[np.float64]

_SHIFT = 0.5  # MATLAB's centre of the first pixel less ours
_REMEDY = (
    "Ask its authors (cvlab.cse.msu.edu, PIFA); AFLW's photographs are for research only. The "
    "file is described in selfie3d.datasets.photographs.aflw_lfpa."
)

_POINTS = 68


def read_aflw_lfpa(root: Path) -> VisiblePoints:
    """The data set in the layout above.

    Raises:
        MissingFileError: the file or photographs are not there.
        InputError: a damaged file, an array that is missing or does not fit.
    """
    path = Path(root) / "lfpa34.npz"
    if not path.exists():
        raise MissingFileError(str(path), "AFLW-LFPA's annotation", _REMEDY)
    arrays = _load(path)
    names = tuple(arrays["names"].tolist())
    require_photographs(Path(root) / "images", names, _REMEDY)
    points = arrays["landmarks_34"].astype(np.float64).transpose(0, 2, 1)
    visible = np.isfinite(points).all(2) & ~(points == -1).all(2)
    if not visible.any(1).all():
        row = int(np.flatnonzero(~visible.any(1))[0])
        raise InputError(str(path), "a visible point in every row", f"none for {names[row]}")
    boxes = arrays["boxes"].astype(np.float64) if "boxes" in arrays else _around(points, visible)
    if boxes.shape != (len(names), 4) or not (boxes[:, 2:] > boxes[:, :2]).all():
        raise InputError(f"{path}: boxes", f"({len(names)},4) with x0 < x1, y0 < y1", "others")
    return VisiblePoints(
        names,
        Path(root) / "images",
        points,
        visible,
        np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1)),
        arrays["yaw_deg"].astype(np.float64) if "yaw_deg" in arrays else None,
        arrays["from_68"].astype(np.float64),
        np.ones(len(names)),
        np.full((len(names), 2), _SHIFT),
        boxes - _SHIFT,
    )


def _load(path: Path) -> dict[str, NDArray]:
    axes = {"names": (1, "U"), "landmarks_34": (3, "fiu"), "from_68": (2, "fiu")}
    more = {"boxes": (2, "fiu"), "yaw_deg": (1, "fiu")}
    arrays = read_npz(path, list(axes), list(more), expected="AFLW-LFPA's .npz", remedy=_REMEDY)
    for name, array in arrays.items():
        count, kinds = (axes | more)[name]
        if array.ndim != count or array.dtype.kind not in kinds:
            what = f"{'text' if kinds == 'U' else 'numbers'} of {count} axes"
            raise InputError(f"{path}: {name}", what, f"{array.dtype} {array.shape}", _REMEDY)
    return arrays


def _around(points: Array, visible: NDArray[np.bool_]) -> Array:
    seen = np.where(visible[..., None], points, np.nan)
    return np.concatenate([np.nanmin(seen, 1), np.nanmax(seen, 1)], 1)


class AflwLfpaPhotographs:
    """The photographs in the order of their file of annotations.

    Args:
        root: see `read_aflw_lfpa`.
        prepared: folder of side files, laid out as images/; "" looks beside the photographs.

    Raises:
        MissingFileError: the file or photographs are not there.
        InputError: a damaged file, or not one of the 34 points is one of the 68.
    """

    name = "aflw-lfpa"

    def __init__(self, root: str | Path, prepared: str = "") -> None:
        self._data = read_aflw_lfpa(Path(root))
        self._side = Path(prepared) if prepared else self._data.photographs
        self._of, self._to = np.nonzero(np.isclose(self._data.from_68, 1.0))
        if not len(self._of):
            expected = "rows that take one of the 68 landmarks"
            raise InputError("from_68", expected, "means of several only")

    @property
    def summary(self) -> str:
        """How many photographs, and how many of the points are used."""
        return f"{self.name}: {len(self)} photographs, {len(self._of)} of 34 points are of the 68"

    def __len__(self) -> int:
        return len(self._data.names)

    def row_name(self, row: int) -> str:
        """ "set/file" of a row."""
        return f"{self.name}/{self._data.names[row]}"

    def file(self, row: int) -> Path:
        """The photograph of a row."""
        return self._data.photographs / self._data.names[row]

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`; see `FaceDataset`."""
        path = self.file(row)
        if not path.is_file():
            raise MissingFileError(str(path), "A photograph of AFLW-LFPA", "It was there before.")
        record, skin = read_side_files((self._side / self._data.names[row]).with_suffix(""))
        placed = self._data.to_photograph(row, self._data.points[row])
        placed[~self._data.visible[row]] = np.nan
        points = np.full((_POINTS, 2), np.nan)
        points[self._to] = placed[self._of]
        landmarks = {"ibug68-3d": points} if np.isfinite(points).any() else {}
        x0, y0, x1, y1 = self._data.boxes[row].tolist()
        sample = FaceSample(
            self.row_name(row),
            read_image(path),
            {**landmarks, **record.landmarks},
            record.five_points,
            record.box or (x0, y0, x1, y1),
            skin,
            labels=record.labels,
        )
        return checked(sample)
