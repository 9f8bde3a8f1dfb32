"""LFW in its real layout, whole and damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.lfw import Lfw

PEOPLE = {"Aaron_Eckhart": 1, "George_W_Bush": 3, "Zach_O'Hara": 2}


@pytest.fixture
def lfw_tree(tmp_path, picture):
    root = tmp_path / "root"
    for name, count in PEOPLE.items():
        folder = root / "lfw" / name
        folder.mkdir(parents=True)
        for k in range(count):
            image = Image.fromarray(picture(250, 250, k))
            image.save(folder / f"{name}_{k + 1:04d}.jpg", quality=95)
    (root / "peopleDevTrain.txt").write_text("2\nAaron_Eckhart\t1\nNo_Body\t4\n")
    (root / "people.txt").write_text("2\n1\nGeorge_W_Bush\t3\n1\nZach_O'Hara\t2\n")
    return root


def test_people_are_folders(lfw_tree):
    data = Lfw(lfw_tree)
    assert len(data) == 6 and data.people == 3
    assert data.summary == "lfw: 6 photographs of 3 people; 5746 more people are not there"
    sample = data[2]
    assert sample.name == "lfw/George_W_Bush/George_W_Bush_0002.jpg"
    assert data.person(2) == "George_W_Bush"
    identities = [float(data[row].labels["identity"][0]) for row in range(6)]
    assert identities == [0, 1, 1, 1, 2, 2]
    x0, y0, x1, y1 = sample.box
    assert (x0 + x1) / 2 == (y0 + y1) / 2 == 125
    assert (x1 - x0) * 2.2 == pytest.approx(250)


def test_lists_of_people(lfw_tree):
    data = Lfw(lfw_tree, people="peopleDevTrain")
    assert data.summary == "lfw: 1 photographs of 1 people; 1 more people are not there"
    assert len(Lfw(lfw_tree, people="people.txt")) == 5
    with pytest.raises(MissingFileError, match="peopleDevTest"):
        Lfw(lfw_tree, people="peopleDevTest")
    (lfw_tree / "people.txt").write_text("2\nGeorge_W_Bush three\n")
    with pytest.raises(InputError, match="line 2"):
        Lfw(lfw_tree, people="people")


def test_other_places_and_other_files(lfw_tree):
    assert len(Lfw(lfw_tree / "lfw")) == 6
    (lfw_tree / "lfw").rename(lfw_tree / "lfw-deepfunneled")
    (lfw_tree / "lfw-deepfunneled" / "George_W_Bush" / "notes.jpg").write_bytes(b"")
    assert len(Lfw(lfw_tree)) == 6


def test_side_files(lfw_tree, tmp_path):
    side = tmp_path / "side" / "Aaron_Eckhart"
    side.mkdir(parents=True)
    points = np.random.default_rng(1).uniform(90, 160, (68, 2)).round(2)
    known = {"landmarks": {"ibug68-3d": points.tolist()}, "box": [90, 90, 160, 160]}
    (side / "Aaron_Eckhart_0001.json").write_text(json.dumps(known))
    sample = Lfw(lfw_tree, prepared=str(tmp_path / "side"))[0]
    np.testing.assert_array_equal(sample.landmarks["ibug68-3d"], points)
    assert sample.box == (90, 90, 160, 160) and "identity" in sample.labels


def test_missing_and_broken_files(lfw_tree, tmp_path):
    data = Lfw(lfw_tree)
    data.file(0).write_bytes(data.file(0).read_bytes()[:900])
    with pytest.raises(InputError, match="truncated"):
        data[0]
    data.file(1).unlink()
    with pytest.raises(MissingFileError, match=r"vis-www\.cs\.umass\.edu"):
        data[1]
    for empty in (tmp_path / "empty", tmp_path / "none"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(MissingFileError, match=r"vis-www\.cs\.umass\.edu"):
            Lfw(empty)


@pytest.mark.parametrize("count", ["²", "9" * 5000, "-1", "1.5"])
def test_counts_that_are_no_numbers(lfw_tree, count):
    (lfw_tree / "people.txt").write_text(f"Aaron_Eckhart\t{count}\n", encoding="utf-8")
    with pytest.raises(InputError, match="NAME COUNT"):
        Lfw(lfw_tree, people="people")
