"""AFLW as distributed: a SQLite file with the tables and columns of the real one."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.aflw_photos import (
    POINTS,
    AflwPhotographs,
    is_of_aflw2000,
    read_aflw_database,
)
from selfie3d.datasets.photographs.landmark_sets import five_points

TABLES = """
CREATE TABLE Faces (face_id INTEGER PRIMARY KEY, file_id TEXT, db_id TEXT);
CREATE TABLE FaceImages (image_id INTEGER, db_id TEXT, file_id TEXT, filepath TEXT, bw INTEGER,
                         width INTEGER, height INTEGER);
CREATE TABLE FaceRect (face_id INTEGER, x INTEGER, y INTEGER, w INTEGER, h INTEGER,
                       annot_type_id INTEGER);
CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL, annot_type_id INTEGER);
CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INTEGER, x REAL, y REAL);
CREATE TABLE FeatureCoordTypes (feature_id INTEGER, descr TEXT, code TEXT, x REAL, y REAL, z REAL);
"""


@pytest.fixture
def face_21():
    """(21,2) pixels of a photograph of 200 x 160, every point at another place."""
    points = np.random.default_rng(21).uniform([60, 40], [140, 120], (21, 2)).round(2)
    points[[7, 10]] = [[80.25, 60], [120.5, 61]]
    return points


@pytest.fixture
def aflw_tree(tmp_path, picture, face_21):
    """Three photographs; the second has two faces, the third hidden points. Types out of order."""
    root = tmp_path / "aflw"
    folder = root / "data" / "flickr"
    files = ("0/image00002.jpg", "2/image04376.jpg", "3/image65000.jpg")
    for k, file in enumerate(files):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(160, 200, k)).save(folder / file, quality=95)
    connection = sqlite3.connect(root / "data" / "aflw.sqlite")
    connection.executescript(TABLES)
    types = [(k + 1, name, name[:3], 9.0, 9.0, 9.0) for k, name in enumerate(POINTS)]
    types += [(22, "LeftTemple", "LT", 9.0, 9.0, 9.0)]
    connection.executemany("INSERT INTO FeatureCoordTypes VALUES (?,?,?,?,?,?)", types[::-1])
    for k, file in enumerate(files):
        name = file.split("/")[1]
        row = (k, "flickr", name, file, 0, 200, 160)
        connection.execute("INSERT INTO FaceImages VALUES (?,?,?,?,?,?,?)", row)
    for number, file, hidden in ((41, 0, 0), (39, 1, 0), (40, 1, 0), (65384, 2, 9)):
        name = files[file].split("/")[1]
        connection.execute("INSERT INTO Faces VALUES (?,?,'flickr')", (number, name))
        connection.execute("INSERT INTO FaceRect VALUES (?,55,35,90,90,1)", (number,))
        pose = (number, 0.1, -0.2, number / 100)
        connection.execute("INSERT INTO FacePose VALUES (?,?,?,?,1)", pose)
        shift = 3 if number == 40 else 0
        rows = [(number, k + 1, *(p + shift)) for k, p in enumerate(face_21) if k >= hidden]
        rows += [(number, 22, 1.0, 1.0)]
        connection.executemany("INSERT INTO FeatureCoords VALUES (?,?,?,?)", rows)
    connection.execute("UPDATE FeatureCoords SET x=-1, y=-1 WHERE face_id=65384 AND feature_id=21")
    connection.commit()
    connection.close()
    return root


def test_every_face_is_a_row(aflw_tree, face_21):
    data = AflwPhotographs(aflw_tree)
    names = [data.row_name(row) for row in range(len(data))]
    assert names == [
        "aflw/2/image04376_39",
        "aflw/2/image04376_40",
        "aflw/0/image00002_41",
        "aflw/3/image65000_65384",
    ]
    assert data.summary == "aflw: 4 faces in 3 photographs"
    sample = data[2]
    assert sample.name == names[2] and sample.picture.shape == (160, 200, 3)
    np.testing.assert_array_equal(sample.landmarks["aflw21"], face_21)
    np.testing.assert_array_equal(data[1].landmarks["aflw21"], face_21 + 3)
    np.testing.assert_allclose(sample.labels["roll_pitch_yaw"], [0.1, -0.2, 0.41])
    assert sample.box == (55, 35, 145, 125)
    five = five_points(sample.landmarks)
    np.testing.assert_array_equal(five, face_21[[7, 10, 14, 17, 19]])


def test_hidden_points_are_unknown(aflw_tree, face_21):
    points = AflwPhotographs(aflw_tree)[3].landmarks["aflw21"]
    hidden = np.isnan(points).all(1)
    assert np.flatnonzero(hidden).tolist() == [*range(9), 20]  # no row; or -1, -1
    np.testing.assert_array_equal(points[~hidden], face_21[9:20])


@pytest.mark.parametrize("place", [".", "aflw/data"])
def test_other_places_of_the_same_files(aflw_tree, tmp_path, place):
    other = tmp_path / "other" / place
    other.parent.mkdir(parents=True, exist_ok=True)
    (aflw_tree / "data").rename(other)
    assert len(AflwPhotographs(tmp_path / "other")) == 4


def test_photographs_to_leave_out_and_missing_ones(aflw_tree, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("image00002.jpg\n\nimage99999\n")
    data = AflwPhotographs(aflw_tree, without=str(names))
    assert len(data) == 3
    (aflw_tree / "data/flickr/2/image04376.jpg").unlink()
    data = AflwPhotographs(aflw_tree)
    assert data.summary == "aflw: 2 faces in 2 photographs; 2 more faces have no photograph there"
    (aflw_tree / "data/flickr/0/image00002.jpg").unlink()
    with pytest.raises(MissingFileError, match=r"tugraz\.at"):
        data[0]
    with pytest.raises(MissingFileError, match="leave out"):
        AflwPhotographs(aflw_tree, without=str(tmp_path / "none.txt"))


def test_the_photographs_of_aflw2000():
    assert is_of_aflw2000("image00002") and is_of_aflw2000("image04375")
    assert not is_of_aflw2000("image04376") and not is_of_aflw2000("photograph")


def test_missing_parts_are_named_with_their_source(aflw_tree, tmp_path):
    (aflw_tree / "data" / "flickr").rename(aflw_tree / "elsewhere")
    with pytest.raises(MissingFileError, match="3 photographs of AFLW") as caught:
        AflwPhotographs(aflw_tree)
    assert "aflw-images-0" in str(caught.value)
    with pytest.raises(MissingFileError, match=r"aflw\.sqlite") as caught:
        AflwPhotographs(tmp_path / "none")
    assert "tugraz.at" in str(caught.value)


def test_damaged_databases_are_named(aflw_tree):
    path = aflw_tree / "data" / "aflw.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("UPDATE FaceRect SET w='wide'")
    connection.commit()
    with pytest.raises(InputError, match="numbers"):
        AflwPhotographs(aflw_tree)
    connection.execute("DROP TABLE FaceRect")
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="no such table: FaceRect"):
        AflwPhotographs(aflw_tree)
    path.write_bytes(b"not a database, but as long as one has to be" * 100)
    with pytest.raises(InputError, match="not a database"):
        AflwPhotographs(aflw_tree)


def test_names_that_are_no_text(aflw_tree):
    path = aflw_tree / "data" / "aflw.sqlite"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE Faces", b"CREATE TABLE F\xffces", 1))
    with pytest.raises(InputError, match=r"aflw\.sqlite"):
        read_aflw_database(path, "")


def test_the_database_is_not_written_to(aflw_tree):
    path = aflw_tree / "data" / "aflw.sqlite"
    before = path.read_bytes()
    assert read_aflw_database(path, "").points.shape == (4, 21, 2)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 2


def test_a_damaged_photograph_is_a_bad_row(aflw_tree):
    path = aflw_tree / "data/flickr/0/image00002.jpg"
    path.write_bytes(path.read_bytes()[:900])
    data = AflwPhotographs(aflw_tree)
    with pytest.raises(InputError, match="truncated"):
        data[2]
    assert data[0].picture.shape == (160, 200, 3)


@pytest.mark.parametrize(
    "table, made",
    [
        ("FaceRect", "CREATE VIEW FaceRect AS WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT "
         "k + 1 FROM n) SELECT k AS face_id, k AS x, k AS y, k AS w, k AS h FROM n"),
        ("FacePose", "CREATE VIRTUAL TABLE FacePose USING fts5(face_id, roll, pitch, yaw)"),
    ],
)  # fmt: skip
def test_a_table_that_is_a_program_is_refused(aflw_tree, table, made):
    """A view's rows need not end."""
    path = aflw_tree / "data" / "aflw.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"DROP TABLE {table}")
    connection.execute(made)
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"{table.lower()}: expected a plain table"):
        AflwPhotographs(aflw_tree)
    assert path.read_bytes() == before and len(list(path.parent.glob("aflw.sqlite*"))) == 1
