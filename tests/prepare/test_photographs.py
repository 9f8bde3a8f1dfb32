"""The data sets that can be prepared: names, groups and splits. Pictures are not opened here."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from pathlib import Path

import pytest
from PIL import Image
from selfie3d.core.errors import MissingFileError, UnknownNameError
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.datasets.shards.tar import TarShards
from selfie3d.prepare.options import PrepareOptions
from selfie3d.prepare.photographs import COLLECTIONS, open_collection
from selfie3d.prepare.run import prepare

PEOPLE = 12


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


@pytest.fixture
def tree(tmp_path):
    """Makes the layout of a data set out of empty files."""

    def make(kind: str) -> Path:
        root = tmp_path / kind
        for person in range(PEOPLE):
            for k in range(3):
                if kind == "lfw":
                    touch(root / "lfw" / f"Ann_{person}" / f"Ann_{person}_{k + 1:04d}.jpg")
                elif kind == "micc":
                    folder = ("Indoor-Cooperative", "PTZ-Indoor", "PTZ-Outdoor")[k]
                    touch(root / f"subject_{person + 1:02d}" / "Videos" / folder / "0001.jpg")
                elif kind == "now":
                    place = Path("NoW_Dataset/final_release_version/iphone_pictures")
                    touch(root / place / f"FaMoS_{person}_TA" / "selfie" / f"IMG_{k}.jpg")
                elif kind == "ffhq":
                    number = person * 6000 + k
                    folder = f"{number // 1000 * 1000:05d}"
                    touch(root / "thumbnails128x128" / folder / f"{number:05d}.png")
        if kind == "aflw":
            _aflw(root)
        return root

    return make


def _aflw(root: Path) -> None:
    """Photographs 4370..4399 with two faces each."""
    (root / "data").mkdir(parents=True)
    connection = sqlite3.connect(root / "data" / "aflw.sqlite")
    connection.executescript(
        "CREATE TABLE Faces (face_id, file_id); CREATE TABLE FaceImages (file_id, filepath);"
        "CREATE TABLE FaceRect (face_id, x, y, w, h);"
        "CREATE TABLE FacePose (face_id, roll, pitch, yaw);"
        "CREATE TABLE FeatureCoords (face_id, feature_id, x, y);"
        "CREATE TABLE FeatureCoordTypes (feature_id, descr)"
    )
    for number in range(4370, 4400):
        name = f"image{number:05d}.jpg"
        touch(root / "data" / "flickr" / "0" / name)
        connection.execute("INSERT INTO FaceImages VALUES (?,?)", (name, f"0/{name}"))
        for face in (2 * number, 2 * number + 1):
            connection.execute("INSERT INTO Faces VALUES (?,?)", (face, name))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("kind", ["aflw", "ffhq", "lfw", "micc", "now"])
def test_nobody_is_in_two_splits(tree, kind):
    collection = open_collection(kind, tree(kind), 0.4)
    photographs = collection.photographs
    assert len({photograph.name for photograph in photographs}) == len(photographs)
    assert [photograph.row for photograph in photographs] == list(range(len(collection.data)))
    splits = defaultdict(set)
    for photograph in photographs:
        assert photograph.file.is_file()
        splits[photograph.group].add(photograph.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {"train", "val"} <= {photograph.split for photograph in photographs}
    groups = {"aflw": 30, "ffhq": 3 * PEOPLE}.get(kind, PEOPLE)
    assert len(splits) == groups


def test_aflw2000_goes_to_test(tree):
    photographs = open_collection("aflw", tree("aflw"), 0.4).photographs
    held = {photograph.group for photograph in photographs if photograph.split == "test"}
    assert held == {f"image{number:05d}" for number in range(4370, 4376)}


def test_ffhq_keeps_its_own_partition(tree):
    photographs = open_collection("ffhq", tree("ffhq"), 0.9).photographs
    assert {p.split for p in photographs if int(p.file.stem) < 60000} == {"train"}
    assert {p.split for p in photographs if int(p.file.stem) >= 60000} == {"val"}


def test_every_collection_is_a_data_set(tmp_path):
    assert set(COLLECTIONS) <= set(DATASETS.names())
    with pytest.raises(UnknownNameError, match="lfw"):
        open_collection("lwf", tmp_path, 0.1)
    for kind in COLLECTIONS:
        with pytest.raises(MissingFileError):
            open_collection(kind, tmp_path / "none", 0.1)


def test_lfw_is_prepared(tmp_path, drawn_faces):
    root = tmp_path / "lfw"
    for k, face in enumerate(drawn_faces[:6]):
        folder = root / f"Person_{k // 2}"
        folder.mkdir(parents=True, exist_ok=True)
        canvas = Image.new("RGB", (250, 250), (120, 120, 120))
        canvas.paste(Image.fromarray(face.picture), (53, 53))
        canvas.save(folder / f"Person_{k // 2}_{k % 2 + 1:04d}.jpg", quality=95)
    (root / "Person_0" / "Person_0_0003.jpg").write_bytes(b"broken")
    result = prepare("lfw", root, tmp_path / "out", PrepareOptions(held_out=0.5))
    names = [reject.name for reject in result.rejects]
    assert "Person_0/Person_0_0003" in names and len(names) <= 3
    data = TarShards(tmp_path / "out", "*-*.tar")
    assert len(data) + len(names) == 7
    people = {}
    for row in range(len(data)):
        sample = data[row]
        split, person = sample.name.split("/")[1].split("-")[0], sample.name.split("/")[2]
        assert people.setdefault(person, split) == split
        assert sample.labels["identity"] == [int(person.removeprefix("Person_"))]
        assert "ibug68-3d" in sample.landmarks
