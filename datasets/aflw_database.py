"""AFLW's annotation, the SQLite file aflw.sqlite.

Tables and columns as programs that read the file name them (visym/vipy, vipy/dataset/aflw.py; the
example of M. Patacchiola, which lists all of them; getFaceDataFromSQLite.m of facedbtool, which
comes with AFLW):

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

from ..core.errors import InputError
from ..core.given_file import check_given
from .sample import Array

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
    found = connection.execute("SELECT lower(name), type, sql FROM sqlite_master").fetchall()
    for name, kind, text in found:
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
