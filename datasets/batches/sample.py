"""One photograph and what is known of it, and what every data set of photographs offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.posed import PosedFaces
from ..photographs.landmark_sets import point_count

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
_REACH = 20  # longer sides of the photograph within which its points lie, seen or not
_LARGEST = 1e30  # of a label: float32 ends at 3.4e38


@dataclass(frozen=True)
class FaceSample:
    """A photograph of one face; pixels are the photograph's, by our convention.

    >>> sample = FaceSample("set/a", np.zeros((4, 6, 3), np.uint8), box=(1.0, 1.0, 3.0, 3.0))
    >>> sample.landmarks, sample.skin is None
    ({}, True)

    Attributes:
        name: "set/file", for messages.
        picture: (H,W,3) uint8 RGB.
        landmarks: (L,2) by the keys of `datasets/photographs/landmark_sets.py`; NaN: not visible.
        five_points: (5,2), see `datasets/photographs/landmark_sets.py`; None where they are not
            given apart.
        box: x0,y0,x1,y1 round the face's landmarks.
        skin: (H,W) uint8, 255 on facial skin.
        truth: one face and its camera.
        labels: other supervision by name, of any shape.

    Raises:
        InputError: wrong shapes.
        UnknownNameError: an unknown landmark set.
    """

    name: str
    picture: NDArray[np.uint8]
    landmarks: Mapping[str, Array] = field(default_factory=dict)
    five_points: Array | None = None
    box: Box | None = None
    skin: NDArray[np.uint8] | None = None
    truth: PosedFaces | None = None
    labels: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.picture.dtype != np.uint8 or self.picture.ndim != 3 or self.picture.shape[2] != 3:
            got = f"{self.picture.dtype} {self.picture.shape}"
            raise InputError(f"{self.name}: picture", "uint8 (H,W,3)", got)
        for key, points in self.landmarks.items():
            self._check(key, points.shape, (point_count(key), 2))
        if self.five_points is not None:
            self._check("five points", self.five_points.shape, (5, 2))
        if self.skin is not None:
            self._check("skin mask", self.skin.shape, self.picture.shape[:2])

    def _check(self, what: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape != expected:
            raise InputError(f"{self.name}: {what}", f"shape {expected}", f"{shape}")


class FaceDataset(Protocol):
    """Photographs by row.

    >>> from selfie3d.datasets import PhotoFolder
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("RGB", (40, 30)).save(f"{folder}/anna.png")
    ...     photographs: FaceDataset = PhotoFolder(folder)
    ...     len(photographs), photographs.row_name(0), photographs[0].picture.shape
    (1, 'folder/anna.png', (30, 40, 3))
    """

    @property
    def name(self) -> str:
        """Of the data set, the first part of its samples' names."""
        ...

    @property
    def summary(self) -> str:
        """One line for logs: how many photographs, and what is missing."""
        ...

    def __len__(self) -> int: ...

    def row_name(self, row: int) -> str:
        """ "set/file" of a row, whether it can be read or not."""
        ...

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`, counted from 0.

        Raises:
            IndexError: there is no such row.
            InputError: the row is bad: a damaged file, a label that is no number, an empty mask,
                a face out of the photograph.
            MissingFileError: a file of the row is not there.
        """
        ...


def checked(sample: FaceSample) -> FaceSample:
    """The sample, if a network can learn from it.

    >>> picture = np.zeros((64, 64, 3), np.uint8)
    >>> checked(FaceSample("set/file", picture, box=(10.0, 10.0, 50.0, 60.0))).name
    'set/file'

    Args:
        sample: the photograph and what is known of it.

    Returns:
        The same sample.

    Raises:
        InputError: a landmark set without one known point, a label that is not finite, an empty
            mask, a box without area, a face most of whose points are out of the photograph, or a
            point that is far away from it.
    """
    for key, points in sample.landmarks.items():
        if np.isinf(points).any() or not np.isfinite(points).all(1).any():
            raise InputError(f"{sample.name}: {key}", "known points", "none that is finite")
    for key, values in sample.labels.items():
        if not (np.isfinite(values).all() and np.abs(values).max(initial=0) < _LARGEST):
            raise InputError(f"{sample.name}: {key}", "finite numbers of float32", "others")
    if sample.skin is not None and not sample.skin.any():
        raise InputError(f"{sample.name}: skin mask", "a mask with skin in it", "an empty one")
    _check_place(sample)
    return sample


def _check_place(sample: FaceSample) -> None:
    size = np.array(sample.picture.shape[1::-1])
    sets = dict(sample.landmarks)
    if sample.five_points is not None:
        sets["five points"] = sample.five_points
    if sample.box is not None:
        x0, y0, x1, y1 = sample.box
        if not (x1 > x0 and y1 > y0):
            raise InputError(f"{sample.name}: box", "x0 < x1 and y0 < y1", str(sample.box))
        _check_near(sample, "box", np.array([[x0, y0], [x1, y1]]))
        sets["box"] = np.array([[(x0 + x1) / 2, (y0 + y1) / 2]])
    for key, points in sets.items():
        known = points[~np.isnan(points).any(1)]
        _check_near(sample, key, known)
        inside = ((known >= 0) & (known <= size)).all(1)
        if inside.mean() < 0.5:
            got = f"{int((~inside).sum())} of {len(known)} points of {key} outside it"
            raise InputError(sample.name, "a face in the photograph", got)


def _check_near(sample: FaceSample, key: str, points: Array) -> None:
    """A point far away is no landmark of a face, and numbers lose their meaning there."""
    reach = _REACH * max(sample.picture.shape[:2])
    farthest = float(np.abs(points).max(initial=0))
    if not farthest <= reach:
        expected = f"points within {reach:,} pixels"
        raise InputError(f"{sample.name}: {key}", expected, f"one {farthest:g} pixels away")
