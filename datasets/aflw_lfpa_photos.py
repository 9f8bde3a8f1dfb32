"""AFLW-LFPA's photographs as samples; see `datasets/aflw_lfpa.py` for the files and their source.

Those of the 34 points that are one of the 68 each stand in `ibug68-3d`, the other points of that
set are unknown; where a point lies between landmarks, no loss of ours has a place for it. PIFA's
points are vertices of a 3D model, so those on the jaw are taken to lie on it, not on the outline.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.errors import InputError, MissingFileError
from ..core.image_file import read_image
from .aflw_lfpa import read_aflw_lfpa
from .record import read_side_files
from .sample import FaceSample, checked

_POINTS = 68


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
