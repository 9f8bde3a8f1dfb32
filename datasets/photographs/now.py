"""The photographs of the NoW benchmark: 2,054 of 100 people.

Sanyal et al., Learning to Regress 3D Face Shape and Expression from an Image without 3D
Supervision, CVPR 2019; after registering from https://now.is.tue.mpg.de (research licence). The
layout is the one of the protocol `now`; scans are not looked at here:

    ROOT/NoW_Dataset/final_release_version/iphone_pictures/SUBJECT/CHALLENGE/NAME.jpg
    ROOT/NoW_Dataset/final_release_version/detected_face/SUBJECT/CHALLENGE/NAME.npy    face boxes
    ROOT/imagepathsvalidation.txt, imagepathstest.txt    optional: lines SUBJECT/CHALLENGE/NAME.jpg

NoW_Dataset/ may be left out, or final_release_version/ be ROOT. Whoever learns from these
photographs cannot be measured on them.

The face boxes are dictionaries with left, top, right and bottom, pickled in .npy files. A pickle is
a program, so nothing of it is run: the few names that such a file has are replaced by one class
that keeps what it is given, and every other name is refused.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from ...core.array_pickle import reading_pickle
from ...core.choices import check_choice
from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given, read_given_text
from ...core.npy_file import parse_header, read_npy
from ...core.pickle_machine import PickleMachine, RefusedPickle, StandIn
from ..batches.sample import Box
from .photo_list import Listed, PhotoList, folders_in, pictures_in
from .record import Record

_SIDES = ("left", "top", "right", "bottom")
_REMEDY = "Get the file again from https://now.is.tue.mpg.de."
_LARGEST = 1 << 20  # bytes; the real ones have 300
_FARTHEST = 1_000_000.0  # pixels
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("__builtin__", "bytes"),
}

_REGISTER = "Register at https://now.is.tue.mpg.de and download it there (research licence)."
_RELEASES = (Path("NoW_Dataset/final_release_version"), Path("final_release_version"), Path())
ImageSet = Literal["all", "validation", "test"]


class _Kept:
    """Stands for whatever a pickle names: keeps its state."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def set_state(self, state: object) -> None:
        self.state = state


def _stand_in(module: str, name: str) -> StandIn:
    if (module, name) not in _NAMES:
        raise RefusedPickle(f"it names {module}.{name}")
    return StandIn(_Kept)


def read_now_box(path: Path) -> Box | None:
    """x0, y0, x1, y1 as in the file, or None where there is no file.

    A plain array of these four numbers is read as well.

    Raises:
        InputError: a damaged file, or one with anything else in it; nothing of it was run.
    """
    if not path.exists():
        return None
    expected = f"a box ({', '.join(_SIDES)}) and nothing else"
    content = read_given(path, expected, _LARGEST)
    with reading_pickle(path, expected):
        values = _values(path, content, expected)
    if len(values) != 4 or not all(abs(value) <= _FARTHEST for value in values):
        raise InputError(str(path), "a box of four finite numbers", f"{values[:8]}", _REMEDY)
    return values[0], values[1], values[2], values[3]


def _values(path: Path, content: bytes, expected: str) -> list[float]:
    """The numbers, left to bottom."""
    header = parse_header(io.BytesIO(content), str(path), expected)
    if not header.dtype.hasobject:
        values = read_npy(path, expected)
        if values.dtype.kind not in "fiu":
            raise InputError(str(path), expected, f"an array of {values.dtype}", _REMEDY)
        return [float(value) for value in values.reshape(-1)[:5]]
    kept = PickleMachine(content[header.length :], _stand_in).load()
    state = kept.state if isinstance(kept, _Kept) else None
    held = state[-1] if isinstance(state, tuple) and state else None
    sides = held[0] if isinstance(held, list) and len(held) == 1 else None
    if not isinstance(sides, dict):
        raise RefusedPickle("no dictionary")
    numbers = [sides.get(side) for side in _SIDES]
    if not all(isinstance(value, int | float) for value in numbers):
        raise RefusedPickle("sides that are no numbers")
    return [float(value) for value in numbers if isinstance(value, int | float)]


class NowPhotographs(PhotoList):
    """The photographs that are there; the person is the subject.

    Args:
        root: see the module.
        image_set: "all", "validation" or "test"; all but "all" need their list.
        prepared: folder of side files, laid out as iphone_pictures.

    Raises:
        MissingFileError: no photographs, or no such list.
        InputError: an unknown set, or a line that names no photograph.
    """

    def __init__(self, root: str | Path, image_set: ImageSet = "all", prepared: str = "") -> None:
        check_choice("image_set", image_set, ImageSet)
        base = Path(root)
        release = next(
            (base / place for place in _RELEASES if (base / place / "iphone_pictures").is_dir()),
            base / _RELEASES[0],
        )
        folder, self._boxes = release / "iphone_pictures", release / "detected_face"
        photographs = _photographs(folder)
        self._missing = 0
        if image_set != "all":
            wanted = _read_list(base / f"imagepaths{image_set}.txt")
            photographs = [
                photograph for photograph in photographs if photograph.file.as_posix() in wanted
            ]
            self._missing = len(wanted) - len(photographs)
        if not photographs:
            what = "NoW's photographs SUBJECT/CHALLENGE/NAME.jpg"
            raise MissingFileError(str(folder), what, _REGISTER)
        super().__init__("now", "the NoW benchmark", folder, photographs, prepared, _REGISTER)

    @property
    def summary(self) -> str:
        """How many photographs of how many people, and what is missing."""
        text = super().summary
        if self._missing:
            text += f"; {self._missing} more are listed but not there"
        return text + ("" if self._boxes.is_dir() else "; no detected_face/, so no boxes")

    def known(self, row: int, width: int, height: int) -> Record:
        """The box of the benchmark's detector, where there is a file."""
        file = self._photographs[row].file.with_suffix(".npy")
        return Record(box=read_now_box(self._boxes / file))


def _photographs(folder: Path) -> list[Listed]:
    if not folder.is_dir():
        return []
    return [
        Listed(path.relative_to(folder), subject.name)
        for subject in folders_in(folder)
        for challenge in folders_in(subject)
        for path in pictures_in(challenge)
    ]


def _read_list(path: Path) -> set[str]:
    """SUBJECT/CHALLENGE/NAME.jpg of every line."""
    if not path.is_file():
        raise MissingFileError(str(path), "The list of the NoW benchmark's pictures", _REGISTER)
    wanted = set()
    for line in read_given_text(path, "a list of NoW", lenient=True).splitlines():
        parts = Path(line.strip()).parts
        if len(parts) >= 3:
            wanted.add("/".join(parts[-3:]))
        elif parts:
            raise InputError(str(path), "lines SUBJECT/CHALLENGE/NAME.jpg", repr(line), _REGISTER)
    return wanted
