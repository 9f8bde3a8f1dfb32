"""AFLW2000-3D's photographs as samples, for validation; see `datasets/photographs/aflw2000.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ...core.choices import check_choice
from ...core.errors import InputError, MissingFileError
from ...core.image_file import read_image
from ..batches.sample import FaceSample, checked
from .aflw2000 import read_aflw2000, to_pixels

Annotation = Literal["original", "reannotated"]


class Aflw2000Photographs:
    """The photographs that are there, in alphabetical order, with 68 points, the jaw on the jaw.

    Args:
        root: either layout of `read_aflw2000`.
        annotation: "original" or "reannotated".
        every, offset: rows of the data set with row % every == offset alone.

    Raises:
        MissingFileError: no such data, or no photograph of these rows.
        InputError: an unknown annotation, or one that is not there.
    """

    name = "aflw2000"

    def __init__(
        self, root: str | Path, annotation: Annotation = "original", every: int = 1, offset: int = 0
    ) -> None:
        check_choice("annotation", annotation, Annotation)
        self._data = read_aflw2000(Path(root))
        points = self._data.points if annotation == "original" else self._data.reannotated
        if points is None:
            raise InputError("annotation", "original, the only one there", annotation)
        self._points = points[:, :2].transpose(0, 2, 1)
        there = np.nonzero(self._data.has_image)[0]
        self._rows = there[there % every == offset]
        if not len(self._rows):
            raise MissingFileError(str(root), "A photograph of AFLW2000-3D", "Check the folder.")

    @property
    def summary(self) -> str:
        """How many photographs."""
        return f"{self.name}: {len(self)} photographs of {len(self._data.names)} rows"

    def __len__(self) -> int:
        return len(self._rows)

    def row_name(self, row: int) -> str:
        """ "set/file" of a row."""
        return f"{self.name}/{self._data.names[self._rows[row]]}"

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`; see `FaceDataset`."""
        source_row = int(self._rows[row])
        picture = read_image(self._data.image_path(source_row))
        points = to_pixels(self._points[source_row])
        return checked(FaceSample(self.row_name(row), picture, {"ibug68-3d": points}))
