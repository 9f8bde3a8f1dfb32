"""Flickr-Faces-HQ: 70,000 aligned photographs of faces.

Karras, Laine and Aila, A Style-Based Generator Architecture for Generative Adversarial Networks,
CVPR 2019; the set under CC BY-NC-SA 4.0, each photograph under a licence of its own, which
ffhq-dataset-v2.json names; https://github.com/NVlabs/ffhq-dataset, whose README describes:

    ROOT/images1024x1024/00000/00000.png     1024 x 1024, a folder for each thousand; or
    ROOT/thumbnails128x128/00000/00000.png   128 x 128
    ROOT/ffhq-dataset-v2.json                optional, 255 MB: 68 points that dlib found

Flat folders, as other copies have them, are read as well. Nobody says who is on a photograph. The
points have the jaw on the visible outline (`ibug68-2d`), are in the pixels of the 1024 x 1024
images and counted from the centre of the first one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...core.choices import check_choice
from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given_text
from ..batches.sample import Array
from .photo_list import Listed, PhotoList, folders_in, pictures_in
from .record import Record

IMAGES = {"images1024x1024": 1024, "thumbnails128x128": 128}
"""Side of the images of each folder, pixels."""

_REMEDY = (
    "FFHQ is under CC BY-NC-SA 4.0; get it with download_ffhq.py --json --images (or --thumbs) "
    "from https://github.com/NVlabs/ffhq-dataset."
)
_LARGEST = 1 << 29  # bytes of it
_JSON = "ffhq-dataset-v2.json"
Split = Literal["all", "train", "val"]
_TRAINING = 60_000  # the first so many; the README's partition
_COUNT = 70_000
_FULL = 1024
_FIRST_PIXEL = 0.5  # our coordinate of dlib's 0


class Ffhq(PhotoList):
    """The images that are there, in the order of their numbers.

    Args:
        root: see the module.
        split: "train" (the first 60,000), "val" or "all".
        images: a key of `IMAGES`, or "" for whichever is there.
        landmarks: read the points, if their file is there.
        prepared: folder of side files, laid out as the folder of images.

    Raises:
        MissingFileError: no images of the split.
        InputError: an unknown name, or a damaged file of points.
    """

    def __init__(
        self,
        root: str | Path,
        split: Split = "all",
        images: str = "",
        landmarks: bool = True,
        prepared: str = "",
    ) -> None:
        check_choice("split", split, Split)
        if images and images not in IMAGES:
            raise InputError("images", f"one of {', '.join(IMAGES)}", repr(images))
        base = Path(root)
        names = [images] if images else list(IMAGES)
        folder = next((base / name for name in names if (base / name).is_dir()), None)
        paths = [] if folder is None else _numbered(folder)
        paths = [path for path in paths if split in ("all", split_of(int(path.stem)))]
        if folder is None or not paths:
            what = f"FFHQ's {' or '.join(names)} with images of the split {split!r}"
            raise MissingFileError(str(base), what, _REMEDY)
        listed = [Listed(path.relative_to(folder)) for path in paths]
        super().__init__("ffhq", "FFHQ", folder, listed, prepared, _REMEDY)
        self._scale = IMAGES[folder.name] / _FULL
        self._split = split
        path = base / _JSON
        self._points = _read_points(path) if landmarks and path.is_file() else None

    @property
    def summary(self) -> str:
        """How many images, and whether their points are there."""
        whole = {"all": _COUNT, "train": _TRAINING, "val": _COUNT - _TRAINING}[self._split]
        text = f"{self.name}: {len(self)} of {whole} images of {self.root.name}"
        return text + ("" if self._points is not None else f"; no points from {_JSON}")

    def known(self, row: int, width: int, height: int) -> Record:
        """The points of dlib, if they are there."""
        number = int(self.file(row).stem)
        points = None if self._points is None else self._points.get(number)
        if points is None:
            return Record()
        placed = (points.astype(np.float64) + _FIRST_PIXEL) * self._scale
        return Record(landmarks={"ibug68-2d": placed})


def split_of(number: int) -> str:
    """The split, "train" or "val", that FFHQ's README gives an image.

    >>> split_of(59_999), split_of(60_000)
    ('train', 'val')

    Args:
        number: of the image, from 0.
    """
    return "train" if number < _TRAINING else "val"


def _numbered(folder: Path) -> list[Path]:
    places = [folder, *folders_in(folder)]
    paths = (path for place in places for path in pictures_in(place))
    return sorted((p for p in paths if re.fullmatch(r"\d{5}", p.stem)), key=lambda p: p.stem)


def _read_points(path: Path) -> dict[int, Array]:
    """Points (68,2) float32 by the number of the image.

    Raises:
        InputError: no such JSON.
    """
    points: dict[int, Array] = {}
    try:
        for key, content in _entries(read_given_text(path, "FFHQ's metadata", _LARGEST)):
            points[int(key)] = np.array(content["image"]["face_landmarks"], np.float32)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(str(path), "FFHQ's metadata", repr(error), _REMEDY) from error
    if any(p.shape != (68, 2) or not np.isfinite(p).all() for p in points.values()):
        raise InputError(str(path), "68 finite points for every image", "others", _REMEDY)
    return points


def _entries(text: str) -> Iterator[tuple[str, Any]]:
    """Key and value of a JSON object's entries, one at a time: all at once take gigabytes."""
    decoder = json.JSONDecoder()
    before, colon = re.compile(r"[\s,{]*"), re.compile(r"\s*:\s*")
    at = _end(before, text, 0)
    while text[at : at + 1] not in ("}", ""):
        key, at = decoder.raw_decode(text, at)
        value, at = decoder.raw_decode(text, _end(colon, text, at))
        yield key, value
        at = _end(before, text, at)
    if not text[at:]:
        raise ValueError("the object does not end")


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    if match is None:
        raise ValueError(f"no {pattern.pattern} at {at}")
    return match.end()
