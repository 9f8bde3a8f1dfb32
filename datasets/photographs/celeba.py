"""CelebA: 202,599 photographs of 10,177 people, with five points each.

Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015; research use only; from
https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html. As distributed:

    ROOT/Img/img_align_celeba/000001.jpg     178 x 218, aligned by the eyes; or
    ROOT/Img/img_celeba/000001.jpg           as found
    ROOT/Anno/list_landmarks_align_celeba.txt, list_landmarks_celeba.txt    five points of either
    ROOT/Anno/list_bbox_celeba.txt           x, y, width, height; for img_celeba only
    ROOT/Anno/identity_CelebA.txt            optional: label "identity"
    ROOT/Eval/list_eval_partition.txt        0 train, 1 val, 2 test

Everything may also lie in ROOT itself, in one more folder of the same name, as unpacking makes it,
or as .csv. 68 points and skin masks are read from side files (see `record.py` beside
this file) in ROOT/prepared/img_align_celeba/ or ROOT/prepared/img_celeba/.

The lists' "lefteye" is the eye at the image's left, the subject's right. Their points are whole
pixels, taken as the numbers of columns and rows from 0, whose centres are half a pixel on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from ...core.choices import check_choice
from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given_text
from ...core.image_file import read_image
from ..batches.sample import Array, Box, FaceSample, checked
from .record import read_side_files

_REMEDY = (
    "CelebA is for non-commercial research; get it from "
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and unpack Anno, Eval and Img."
)
CelebAImages = Literal["", "img_align_celeba", "img_celeba"]
_LISTS = {
    "img_align_celeba": "list_landmarks_align_celeba",
    "img_celeba": "list_landmarks_celeba",
}
Split = Literal["train", "val", "test", "all"]
_SPLITS = {"train": 0, "val": 1, "test": 2, "all": None}
_FIRST_PIXEL = 0.5  # our coordinate of the lists' 0


class CelebA:
    """The photographs of a split that are there.

    Args:
        root: see the module.
        split: "train", "val", "test" or "all".
        images: "img_align_celeba", "img_celeba", or "" for whichever is there.
        prepared: folder of side files in place of ROOT/prepared/IMAGES.

    Raises:
        MissingFileError: no photographs, or a list that is needed.
        InputError: an unknown split or kind of photographs, or a damaged list.
    """

    name = "celeba"

    def __init__(
        self,
        root: str | Path,
        split: Split = "train",
        images: CelebAImages = "",
        prepared: str = "",
    ) -> None:
        check_choice("split", split, Split)
        check_choice("images", images, CelebAImages)
        base = Path(root)
        self._folder = _find_images(base, images)
        kind = self._folder.name
        self._side = Path(prepared) if prepared else base / "prepared" / kind
        self._points = _read_list(_find_list(base, _LISTS[kind]), 10)
        self._boxes: Mapping[str, Array] = {}
        if kind == "img_celeba":
            self._boxes = _read_list(_find_list(base, "list_bbox_celeba"), 4)
        identity = _find(base, "identity_CelebA")
        self._identity = {} if identity is None else _read_list(identity, 1)
        wanted = list(self._points)
        if _SPLITS[split] is not None:
            parts = _read_list(_find_list(base, "list_eval_partition"), 1)
            wanted = [name for name in wanted if parts.get(name, [-1])[0] == _SPLITS[split]]
        there = set(os.listdir(self._folder))
        self._names = [name for name in wanted if name in there]
        if not self._names:
            what = f"{len(wanted)} photographs of the split {split!r}"
            raise MissingFileError(str(self._folder), what, _REMEDY)
        self._wanted, self._split = len(wanted), split

    @property
    def summary(self) -> str:
        """What is there, and what the lists name beyond it."""
        text = f"celeba: {len(self)} photographs of {self._folder.name}, split {self._split}"
        missing = self._wanted - len(self)
        return text + (f"; {missing} more are listed but not there" if missing else "")

    def __len__(self) -> int:
        return len(self._names)

    def row_name(self, row: int) -> str:
        """ "set/file" of a row."""
        return f"{self.name}/{self._names[row]}"

    @property
    def kind(self) -> str:
        """ "img_align_celeba" or "img_celeba", the photographs that are read."""
        return self._folder.name

    def file(self, row: int) -> Path:
        """The photograph of a row."""
        return self._folder / self._names[row]

    def person(self, row: int) -> str:
        """The number of identity_CelebA of who is on it; "" where nobody says."""
        number = self._identity.get(self._names[row])
        return "" if number is None else f"{number[0]:.0f}"

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`; see `FaceDataset`."""
        file, name = self._names[row], self.row_name(row)
        five = self._points[file].reshape(5, 2) + _FIRST_PIXEL
        if not np.isfinite(five).all():
            raise InputError(f"{name}: landmarks", "finite numbers", "others")
        path = self._folder / file
        if not path.is_file():
            raise MissingFileError(str(path), "A photograph of CelebA", _REMEDY)
        record, skin = read_side_files(self._side / path.stem)
        identity = {"identity": self._identity[file]} if file in self._identity else {}
        sample = FaceSample(
            name,
            read_image(path),
            record.landmarks,
            five if record.five_points is None else record.five_points,
            record.box or self._box(file),
            skin,
            labels={**identity, **record.labels},
        )
        return checked(sample)

    def _box(self, file: str) -> Box | None:
        if file not in self._boxes:
            return None
        x, y, width, height = self._boxes[file].tolist()
        if not (width > 0 and height > 0):
            return None  # the list has some without extent; the points are there all the same
        return x, y, x + width, y + height


def _find_images(root: Path, images: CelebAImages) -> Path:
    for kind in [images] if images else _LISTS:
        for folder in (root / kind / kind, root / "Img" / kind / kind, root / "Img" / kind):
            if folder.is_dir():
                return folder
        if (root / kind).is_dir():
            return root / kind
    what = f"CelebA's photographs, {images or ' or '.join(_LISTS)},"
    raise MissingFileError(str(root), what, _REMEDY)


def _find(root: Path, stem: str) -> Path | None:
    places = (root, root / "Anno", root / "Eval")
    paths = (place / f"{stem}{suffix}" for place in places for suffix in (".txt", ".csv"))
    return next((path for path in paths if path.is_file()), None)


def _find_list(root: Path, stem: str) -> Path:
    path = _find(root, stem)
    if path is None:
        raise MissingFileError(str(root / f"{stem}.txt"), f"CelebA's {stem}.txt", _REMEDY)
    return path


def _read_list(path: Path, columns: int) -> dict[str, Array]:
    """Numbers (columns,) by file name.

    The first lines, a count and the columns' names, may be there or not.

    Raises:
        InputError: a line with other than `columns` numbers, or fewer lines than the first says.
    """
    lines = read_given_text(path, "a list of CelebA").splitlines()
    rows: dict[str, Array] = {}
    count = None
    for number, line in enumerate(lines, 1):
        first, *rest = line.replace(",", " ").split() or [""]
        if number == 1 and re.fullmatch(r"[0-9]{1,9}", first) and not rest:
            count = int(first)
        if not first.lower().endswith((".jpg", ".png")):
            continue
        try:
            rows[first] = np.array([float(word) for word in rest])
        except ValueError as error:
            raise InputError(f"{path}, line {number}", "numbers", str(error), _REMEDY) from error
        if len(rest) != columns:
            got = f"{len(rest)} in line {number}"
            raise InputError(str(path), f"{columns} numbers after a name", got, _REMEDY)
    if count is not None and count != len(rows):
        raise InputError(str(path), f"{count} lines of photographs", f"{len(rows)}", _REMEDY)
    return rows
