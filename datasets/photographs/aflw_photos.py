"""AFLW as distributed: 25,993 faces in 21,997 photographs, with up to 21 points each.

Koestinger et al., Annotated Facial Landmarks in the Wild, 2011; for research only, on request from
https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/. Layout:

    ROOT/data/aflw.sqlite                 the annotation, see below
    ROOT/data/flickr/0/image00002.jpg     also 2/ and 3/

Both may also lie in ROOT itself or in ROOT/aflw/data. Every face is a row. The photographs of
AFLW2000-3D are the first 2,000 faces of this set: whoever is measured there leaves them out
(`without`), and whoever is measured on AFLW's points (`datasets/photographs/aflw.py`) takes none.

Tables and columns of the SQLite file, as programs that read it name them (visym/vipy,
vipy/dataset/aflw.py; the example of M. Patacchiola, which lists all of them;
getFaceDataFromSQLite.m of facedbtool, which comes with AFLW):

    Faces (face_id, file_id, db_id)              FaceImages (file_id, db_id, filepath, ...)
    FaceRect (face_id, x, y, w, h, ...)          FacePose (face_id, roll, pitch, yaw, ...)
    FeatureCoords (face_id, feature_id, x, y)    FeatureCoordTypes (feature_id, descr, code, ...)

A point that is not visible has no row in FeatureCoords, or negative coordinates (facedbtool's
undefined point is -1, -1). Coordinates count from the corner of the picture, as ours do:
facedbtool has its middle at half its width. "Left" in the points' names is the image's left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from ...core.errors import InputError, MissingFileError
from ...core.given_file import check_given, read_given_text
from ...core.image_file import read_image
from ..batches.sample import Array, Box, FaceSample, checked
from .record import read_side_files

POINTS = (
    "LeftBrowLeftCorner", "LeftBrowCenter", "LeftBrowRightCorner",
    "RightBrowLeftCorner", "RightBrowCenter", "RightBrowRightCorner",
    "LeftEyeLeftCorner", "LeftEyeCenter", "LeftEyeRightCorner",
    "RightEyeLeftCorner", "RightEyeCenter", "RightEyeRightCorner",
    "LeftEar", "NoseLeft", "NoseCenter", "NoseRight", "RightEar",
    "MouthLeftCorner", "MouthCenter", "MouthRightCorner", "ChinCenter",
)  # fmt: skip
"""FeatureCoordTypes.descr of the points of `aflw21`, in their order."""

_FACES = """
    SELECT Faces.face_id, FaceImages.filepath FROM Faces
    JOIN FaceImages ON Faces.file_id = FaceImages.file_id ORDER BY Faces.face_id
"""
_COORDS = """
    SELECT FeatureCoords.face_id, FeatureCoordTypes.descr, FeatureCoords.x, FeatureCoords.y
    FROM FeatureCoords JOIN FeatureCoordTypes
    ON FeatureCoords.feature_id = FeatureCoordTypes.feature_id
"""
_RECTANGLES = "SELECT face_id, x, y, w, h FROM FaceRect"
_LONGEST = 1 << 20  # bytes of a value
_TABLES = ("faces", "faceimages", "featurecoords", "featurecoordtypes", "facerect", "facepose")
_POSES = "SELECT face_id, roll, pitch, yaw FROM FacePose"

_REMEDY = (
    "AFLW is for research only; ask for it at "
    "https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/ and unpack "
    "aflw-db.tar.gz and aflw-images-0, -2, -3.tar.gz into ROOT."
)
_PLACES = (Path("data"), Path(), Path("aflw/data"), Path("aflw"))
_LAST_OF_AFLW2000 = 4375  # AFLW2000-3D's names run from image00002 to image04375


@dataclass(frozen=True)
class AflwFaces:
    """N faces.

    Attributes:
        numbers: their face_id. files: photographs, below data/flickr.
        points: (N,21,2) photograph pixels; NaN where not visible.
        boxes: (N,4) x0, y0, x1, y1 of FaceRect; NaN where there is none.
        pose: (N,3) roll, pitch, yaw of FacePose as in the file, radians; NaN where there is none.
    """

    numbers: Sequence[int]
    files: Sequence[str]
    points: Array
    boxes: Array
    pose: Array


def read_aflw_database(path: Path, remedy: str) -> AflwFaces:
    """Every face of the file, which is opened for reading only.

    Raises:
        InputError: no SQLite file, a table or column that is missing, or something else than
            numbers in it.
    """
    check_given(path, "AFLW's SQLite file")
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True
        )
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            _check_tables(path, connection, remedy)
            faces, coords, rectangles, poses = (
                connection.execute(query).fetchall()
                for query in (_FACES, _COORDS, _RECTANGLES, _POSES)
            )
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise InputError(str(path), "AFLW's SQLite file", str(error), remedy) from error
    try:
        return _assemble(faces, coords, rectangles, poses)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(str(path), "numbers", str(error), remedy) from error


def _check_tables(path: Path, connection: sqlite3.Connection, remedy: str) -> None:
    """A view or a virtual table would be a program of the file's, which may never end."""
    tables = connection.execute("SELECT lower(name), type, sql FROM sqlite_master").fetchall()
    for name, kind, text in tables:
        if name in _TABLES and (kind != "table" or "virtual" in str(text).lower()[:40]):
            raise InputError(f"{path}: {name}", "a plain table", f"a {kind}", remedy)


def _assemble(faces: list, coords: list, rectangles: list, poses: list) -> AflwFaces:
    numbers = [int(number) for number, _ in faces]
    rows = {number: row for row, number in enumerate(numbers)}
    order = {name: place for place, name in enumerate(POINTS)}
    points = np.full((len(faces), len(POINTS), 2), np.nan)
    for number, name, x, y in coords:
        if number in rows and name in order and x >= 0 and y >= 0:
            points[rows[number], order[name]] = x, y
    boxes, pose = np.full((len(faces), 4), np.nan), np.full((len(faces), 3), np.nan)
    for number, x, y, width, height in rectangles:
        if number in rows and width > 0 and height > 0:
            boxes[rows[number]] = x, y, x + width, y + height
    for number, *angles in poses:
        if number in rows:
            pose[rows[number]] = angles
    return AflwFaces(numbers, [str(file) for _, file in faces], points, boxes, pose)


class AflwPhotographs:
    """The faces whose photographs are there, in the order of their numbers.

    Landmarks are `aflw21`, hidden ones NaN; the label "roll_pitch_yaw" (3,) is that of the file,
    radians. A photograph's side file (see `datasets/photographs/record.py`) is NAME_FACE.json.

    Args:
        root: see the module.
        without: a text file of photographs to leave out, a name to a line.
        prepared: folder of side files, laid out as flickr/; "" looks beside the photographs.

    Raises:
        MissingFileError: no aflw.sqlite, no photograph, or no such list.
        InputError: a damaged file.
    """

    name = "aflw"

    def __init__(self, root: str | Path, without: str = "", prepared: str = "") -> None:
        base = Path(root)
        place = next((p for p in _PLACES if (base / p / "aflw.sqlite").is_file()), None)
        if place is None:
            path = base / _PLACES[0] / "aflw.sqlite"
            raise MissingFileError(str(path), "AFLW's annotation", _REMEDY)
        self._faces = read_aflw_database(base / place / "aflw.sqlite", _REMEDY)
        self._folder = base / place / "flickr"
        self._side = Path(prepared) if prepared else self._folder
        left_out = _read_names(Path(without)) if without else set()
        wanted = [
            row for row, file in enumerate(self._faces.files) if Path(file).stem not in left_out
        ]
        there = {file: (self._folder / file).is_file() for file in set(self._faces.files)}
        self._rows = [row for row in wanted if there[self._faces.files[row]]]
        self._wanted = len(wanted)
        if not self._rows:
            what = f"{len(set(self._faces.files))} photographs of AFLW"
            raise MissingFileError(str(self._folder), what, _REMEDY)

    @property
    def summary(self) -> str:
        """How many faces in how many photographs, and how many are missing."""
        photographs = len({self._faces.files[row] for row in self._rows})
        text = f"{self.name}: {len(self)} faces in {photographs} photographs"
        missing = self._wanted - len(self)
        return text + (f"; {missing} more faces have no photograph there" if missing else "")

    def __len__(self) -> int:
        return len(self._rows)

    def row_name(self, row: int) -> str:
        """ "set/folder/photograph_face" of a row."""
        return f"{self.name}/{self._stem(row).as_posix()}"

    def file(self, row: int) -> Path:
        """The photograph of a row."""
        return self._folder / self._faces.files[self._rows[row]]

    def __getitem__(self, row: int) -> FaceSample:
        """Face `row`; see `FaceDataset`."""
        path, face = self.file(row), self._rows[row]
        if not path.is_file():
            raise MissingFileError(str(path), "A photograph of AFLW", _REMEDY)
        record, skin = read_side_files(self._side / self._stem(row))
        landmarks, labels = {}, {}
        if np.isfinite(self._faces.points[face]).any():
            landmarks["aflw21"] = self._faces.points[face]
        if np.isfinite(self._faces.pose[face]).all():
            labels["roll_pitch_yaw"] = self._faces.pose[face]
        sample = FaceSample(
            self.row_name(row),
            read_image(path),
            {**landmarks, **record.landmarks},
            record.five_points,
            record.box or _box(self._faces, face),
            skin,
            labels={**labels, **record.labels},
        )
        return checked(sample)

    def _stem(self, row: int) -> Path:
        face = self._rows[row]
        file = Path(self._faces.files[face])
        return file.with_name(f"{file.stem}_{self._faces.numbers[face]}")


def is_of_aflw2000(stem: str) -> bool:
    """Whether a photograph is among the first of AFLW, of which AFLW2000-3D is made.

    >>> is_of_aflw2000("image00002"), is_of_aflw2000("image20002")
    (True, False)

    Args:
        stem: of the file's name.
    """
    number = stem.removeprefix("image")
    return number.isdigit() and int(number) <= _LAST_OF_AFLW2000


def _box(faces: AflwFaces, row: int) -> Box | None:
    if not np.isfinite(faces.boxes[row]).all():
        return None
    x0, y0, x1, y1 = faces.boxes[row].tolist()
    return x0, y0, x1, y1


def _read_names(path: Path) -> set[str]:
    """Names without folder and suffix."""
    if not path.is_file():
        raise MissingFileError(str(path), "The list of photographs to leave out", "Check it.")
    lines = read_given_text(path, "a text file of names").splitlines()
    return {Path(line.strip()).stem for line in lines if line.strip()}
