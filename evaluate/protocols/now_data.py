"""The NoW benchmark on disk, and the layout in which predictions are submitted.

Layout (https://now.is.tue.mpg.de/download.php, after registering), under one root:

    imagepathsvalidation.txt                        one picture a line: SUBJECT/CHALLENGE/NAME.jpg
    NoW_Dataset/final_release_version/iphone_pictures/SUBJECT/CHALLENGE/NAME.jpg
    NoW_Dataset/final_release_version/detected_face/SUBJECT/CHALLENGE/NAME.npy    face boxes
    scans/SUBJECT/*.obj                             mm; validation subjects only
    scans_lmks_onlypp/SUBJECT/*.pp                  seven landmarks

Predictions are SUBJECT/CHALLENGE/NAME.obj with NAME.npy (7,3) beside it: outer and inner corner of
the right eye, inner and outer corner of the left eye, bottom of the nose, right and left corner of
the mouth.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import open_given, read_given_text
from ...core.npy_file import parse_header, read_npy
from ...core.obj_file import write_obj
from ...core.whole_file import write_bytes
from ..scans.mesh_file import read_mesh
from ..scans.surface import Array, Surface

LANDMARKS = (36, 39, 42, 45, 33, 48, 54)
"""The seven landmarks in their order, as points of ibug68."""

_HOME = "Register at https://now.is.tue.mpg.de and download it there (research licence)."
_RELEASE = Path("NoW_Dataset") / "final_release_version"


@dataclass(frozen=True)
class NowData:
    """The benchmark.

    Attributes:
        names: SUBJECT/CHALLENGE/NAME of every picture, without suffix.
        pictures: their paths.
        boxes: their face boxes' files.
        scans: by subject.
    """

    names: tuple[str, ...]
    pictures: dict[str, Path]
    boxes: dict[str, Path]
    scans: dict[str, Surface]


def read_now(root: Path, image_set: str, *, pictures: bool, scans: bool) -> NowData:
    """Read and check the benchmark.

    Args:
        root: of the layout above.
        image_set: "validation" or "test".
        pictures: whether the photographs are needed.
        scans: whether the scans are.

    Raises:
        MissingFileError: something is missing.
        InputError: a line or a landmark file cannot be understood.
    """
    listing = root / f"imagepaths{image_set}.txt"
    if not listing.is_file():
        raise MissingFileError(str(listing), "The list of the NoW benchmark's pictures", _HOME)
    lines = [line.strip() for line in read_given_text(listing, "a list of pictures").splitlines()]
    entries = [_entry(listing, line) for line in lines if line]
    photos = {n: root / _RELEASE / "iphone_pictures" / f"{n}{s}" for n, s in entries}
    for path in photos.values() if pictures else ():
        if not path.is_file():
            raise MissingFileError(str(path), "A photograph of the NoW benchmark", _HOME)
    names = tuple(name for name, _ in entries)
    boxes = {n: root / _RELEASE / "detected_face" / f"{n}.npy" for n in names}
    subjects = dict.fromkeys(name.split("/")[0] for name in names)
    return NowData(names, photos, boxes, {s: read_scan(root, s) for s in subjects} if scans else {})


def read_scan(root: Path, subject: str) -> Surface:
    """The scan of one subject with its seven landmarks.

    Raises:
        MissingFileError, InputError: it is missing or damaged.
    """
    places = ((root / "scans" / subject, "*.obj"), (root / "scans_lmks_onlypp" / subject, "*.pp"))
    files = []
    for folder, pattern in places:
        paths = sorted(folder.glob(pattern))
        if not paths:
            raise MissingFileError(str(folder / pattern), f"The NoW scan of {subject}", _HOME)
        files.append(paths[0])
    mesh = read_mesh(files[0])
    points = np.full((68, 3), np.nan)
    points[list(LANDMARKS)] = read_picked_points(files[1])
    return Surface(subject, mesh.vertices, mesh.faces, points)


def read_picked_points(path: Path) -> Array:
    """The seven points of a MeshLab .pp file, (7,3).

    Raises:
        InputError: another number of points.
    """
    points = []
    for tag in re.findall(
        r"<point\b[^>]*>", read_given_text(path, "picked points", 1 << 24, lenient=True)
    ):
        values = dict(re.findall(r'\b([xyz])="([^"]+)"', tag))
        if len(values) == 3:
            points.append([_number(path, values[axis]) for axis in "xyz"])
    if len(points) != len(LANDMARKS):
        raise InputError(str(path), f"{len(LANDMARKS)} picked points", f"{len(points)}")
    return np.array(points)


def _number(path: Path, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(str(path), "finite coordinates of points", repr(text))
    return value


def read_box(path: Path) -> tuple[float, float, float, float] | None:
    """The face box of a picture, (x0,y0,x1,y1), or None where there is no file.

    The files are pickled dictionaries with left, top, right and bottom; a pickle is not opened,
    and the picture's largest face is taken. A plain array of four numbers is read.
    """
    if not path.exists():
        return None
    with open_given(path, "a box") as stream:
        if parse_header(stream, str(path), "a box").dtype.hasobject:
            return None
    box = read_npy(path, "a box").reshape(-1)
    if box.dtype.kind not in "fiu" or len(box) < 4 or not np.isfinite(box).all():
        raise InputError(str(path), "x0, y0, x1, y1", f"{box.dtype} ({len(box)},)")
    x0, y0, x1, y1 = box[:4].tolist()
    return float(x0), float(y0), float(x1), float(y1)


def write_submission(root: Path, surfaces: Mapping[str, Surface]) -> None:
    """Write predictions in the official layout: NAME.obj and NAME.npy (7,3), mm."""
    for name, surface in surfaces.items():
        write_obj(root / f"{name}.obj", surface.vertices, surface.faces)
        buffer = io.BytesIO()
        np.save(buffer, surface.landmarks[list(LANDMARKS)].astype(np.float64))
        write_bytes(root / f"{name}.npy", buffer.getvalue())


def cumulative_counts(
    distances: Sequence[NDArray[np.floating]], limit: float = 8.0
) -> tuple[list[float], list[float]]:
    """The cumulative curve of pooled distances: mm from 0 to `limit`, and % not farther."""
    pooled = np.sort(np.concatenate([np.asarray(d) for d in distances]))
    places = np.linspace(0, limit, 81)
    share = 100 * np.searchsorted(pooled, places, side="right") / max(len(pooled), 1)
    return places.tolist(), share.tolist()


def _entry(listing: Path, line: str) -> tuple[str, str]:
    parts = Path(line).parts[-3:]
    if len(parts) < 3 or {"/", "..", "."} & set(parts) or not line.isprintable():
        raise InputError(str(listing), "lines SUBJECT/CHALLENGE/NAME.jpg", repr(line)[:80])
    path = Path(*parts)
    return path.with_suffix("").as_posix(), path.suffix
