"""FFHQ in its real layout, whole and damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.ffhq import Ffhq, split_of

NUMBERS = (0, 1, 1000, 60000)


@pytest.fixture
def ffhq_tree(tmp_path, face_68):
    root = tmp_path / "ffhq"
    content = {}
    for number in NUMBERS:
        for kind, side in (("images1024x1024", 1024), ("thumbnails128x128", 128)):
            folder = root / kind / f"{number // 1000 * 1000:05d}"
            folder.mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (side, side), (number % 251, 90, 60))
            image.save(folder / f"{number:05d}.png", compress_level=1)
        (root / "images1024x1024" / "LICENSE.txt").write_text("...")
        content[str(number)] = {
            "category": "training" if number < 60000 else "validation",
            "metadata": {"photo_title": 'a {strange}, "title": [1]'},
            "image": {"face_landmarks": (face_68 * 900 + 50 + number % 7).tolist()},
            "in_the_wild": {"face_landmarks": [[1, 2]] * 68},
        }
    (root / "ffhq-dataset-v2.json").write_text(json.dumps(content, indent=1))
    return root


def test_images_with_points(ffhq_tree, face_68):
    data = Ffhq(ffhq_tree)
    assert data.summary == "ffhq: 4 of 70000 images of images1024x1024"
    sample = data[2]
    assert sample.name == data.row_name(2) == "ffhq/01000/01000.png"
    assert sample.picture.shape == (1024, 1024, 3)
    expected = face_68 * 900 + 50 + 1000 % 7 + 0.5
    np.testing.assert_allclose(sample.landmarks["ibug68-2d"], expected, atol=1e-3)
    assert not sample.labels  # nobody says who it is


def test_thumbnails_have_the_points_of_an_eighth(ffhq_tree):
    large, small = (Ffhq(ffhq_tree, images=i) for i in ("images1024x1024", "thumbnails128x128"))
    points = large[1].landmarks["ibug68-2d"]
    np.testing.assert_allclose(small[1].landmarks["ibug68-2d"] * 8, points, atol=1e-9)
    assert small[1].picture.shape == (128, 128, 3)


@pytest.mark.parametrize(("split", "count"), [("train", 3), ("val", 1), ("all", 4)])
def test_splits(ffhq_tree, split, count):
    assert len(Ffhq(ffhq_tree, split)) == count


def test_the_partition():
    assert [split_of(number) for number in (0, 59999, 60000, 69999)] == ["train"] * 2 + ["val"] * 2


def test_without_points_and_in_a_flat_folder(ffhq_tree, tmp_path):
    (ffhq_tree / "ffhq-dataset-v2.json").unlink()
    data = Ffhq(ffhq_tree)
    assert "no points from ffhq-dataset-v2.json" in data.summary and not data[0].landmarks
    flat = tmp_path / "flat" / "thumbnails128x128"
    flat.mkdir(parents=True)
    for path in ffhq_tree.glob("thumbnails128x128/*/*.png"):
        path.rename(flat / path.name)
    assert len(Ffhq(tmp_path / "flat")) == 4


def test_missing_and_broken_files(ffhq_tree, tmp_path):
    data = Ffhq(ffhq_tree)
    data.file(0).write_bytes(data.file(0).read_bytes()[:2000])
    with pytest.raises(InputError, match="damaged"):
        data[0]
    data.file(1).unlink()
    with pytest.raises(MissingFileError, match="NVlabs"):
        data[1]
    with pytest.raises(MissingFileError, match="NVlabs"):
        Ffhq(tmp_path)
    for options in ({"split": "test"}, {"images": "images"}):
        with pytest.raises(InputError, match="one of"):
            Ffhq(ffhq_tree, **options)


def test_damaged_points(ffhq_tree):
    path = ffhq_tree / "ffhq-dataset-v2.json"
    text = path.read_text()
    for damaged in (text[: len(text) // 2], text[:-2], "[1, 2]", "", text.replace("image", "img")):
        path.write_text(damaged)
        with pytest.raises(InputError, match="ffhq-dataset-v2"):
            Ffhq(ffhq_tree)
    few = json.loads(text)
    few["1"]["image"]["face_landmarks"] = [[1, 2]]
    path.write_text(json.dumps(few))
    with pytest.raises(InputError, match="68 finite points"):
        Ffhq(ffhq_tree)
    assert len(Ffhq(ffhq_tree, landmarks=False)) == 4
    path.write_text("{}")
    assert not Ffhq(ffhq_tree)[0].landmarks
