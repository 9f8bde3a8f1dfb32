"""CelebA in its real layout, whole and damaged."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.batches.crops import crop_of
from selfie3d.datasets.photographs.celeba import CelebA


def test_aligned_photographs(celeba_tree):
    data = CelebA(celeba_tree(5), split="all")
    assert len(data) == 5
    sample = data[1]
    assert sample.name == data.row_name(1) == "celeba/000002.jpg"
    assert sample.picture.shape == (218, 178, 3)
    # "lefteye" is at the image's left: the subject's right, the first of our five.
    np.testing.assert_array_equal(sample.five_points[0], [69.5, 110.5])
    np.testing.assert_array_equal(sample.five_points[4], [108.5, 154.5])
    assert sample.box is None  # the list of boxes is of img_celeba
    np.testing.assert_array_equal(sample.labels["identity"], [101])
    assert "5 photographs of img_align_celeba" in data.summary
    assert crop_of("deep3d", sample, 224).size == (224, 224)


def test_photographs_as_found_have_boxes(celeba_tree):
    root = celeba_tree(3, "img_celeba")
    data = CelebA(root, split="all")
    assert data[0].box == (40, 60, 150, 200)
    path = root / "Anno" / "list_bbox_celeba.txt"
    path.write_text(path.read_text().replace("000001.jpg    40  60 110 140", "000001.jpg 0 0 0 0"))
    assert CelebA(root, split="all")[0].box is None  # the real list has such rows


@pytest.mark.parametrize(("split", "count"), [("train", 6), ("val", 2), ("test", 2), ("all", 10)])
def test_splits(celeba_tree, split, count):
    data = CelebA(celeba_tree(10), split=split)
    assert len(data) == count
    assert f"split {split}" in data.summary


def test_other_places_of_the_same_files(celeba_tree, tmp_path):
    """Everything in the root, unpacked into a folder of its own name, and lists as .csv."""
    root, flat = celeba_tree(4), tmp_path / "flat"
    shutil.copytree(root / "Img", flat / "img_align_celeba")
    for path in [*(root / "Anno").iterdir(), *(root / "Eval").iterdir()]:
        lines = [",".join(line.split()) for line in path.read_text().splitlines()]
        lines = lines[1:] if lines[0].isdigit() else lines  # Kaggle's have no count
        (flat / f"{path.stem}.csv").write_text("\n".join(lines))
    one, other = CelebA(root, "train"), CelebA(flat, "train")
    assert [one.row_name(k) for k in range(len(one))] == [
        other.row_name(k) for k in range(len(one))
    ]
    np.testing.assert_array_equal(one[2].five_points, other[2].five_points)


def test_prepared_points_and_masks(celeba_tree, face_68):
    root = celeba_tree(2)
    folder = root / "prepared" / "img_align_celeba"
    folder.mkdir(parents=True)
    points = (face_68 * 100 + 40).round(2)
    content = {"landmarks": {"ibug68-2d": points.tolist()}, "box": [50, 60, 120, 170]}
    (folder / "000001.json").write_text(json.dumps(content))
    mask = np.zeros((218, 178), np.uint8)
    mask[60:150, 50:120] = 255
    Image.fromarray(mask).save(folder / "000001_skin.png")
    data = CelebA(root, split="all")
    np.testing.assert_array_equal(data[0].landmarks["ibug68-2d"], points)
    np.testing.assert_array_equal(data[0].skin, mask)
    assert data[0].box == (50, 60, 120, 170)
    assert data[1].skin is None and not data[1].landmarks
    Image.fromarray(mask * 0).save(folder / "000002_skin.png")
    with pytest.raises(InputError, match="empty"):
        data[1]
    elsewhere = CelebA(root, split="all", prepared=str(root / "none"))
    assert elsewhere[0].skin is None


def test_photographs_that_are_not_there_are_counted(celeba_tree):
    root = celeba_tree(5)
    (root / "Img" / "img_align_celeba" / "000003.jpg").unlink()
    data = CelebA(root, split="all")
    assert len(data) == 4
    assert "1 more are listed but not there" in data.summary
    (root / "Img" / "img_align_celeba" / "000001.jpg").unlink()  # while it is in use
    with pytest.raises(MissingFileError, match="mmlab"):
        data[0]


def test_bad_rows(celeba_tree):
    root = celeba_tree(3)
    images = root / "Img" / "img_align_celeba"
    whole = (images / "000001.jpg").read_bytes()
    (images / "000001.jpg").write_bytes(whole[: len(whole) // 2])
    listing = root / "Anno" / "list_landmarks_align_celeba.txt"
    text = listing.read_text().replace("000002.jpg 69", "000002.jpg nan")
    listing.write_text(
        text.replace("000003.jpg 69  111 106 113 77", "000003.jpg 999 999 999 999 999")
    )
    data = CelebA(root, split="all")
    for row, reason in enumerate(
        ("truncated", "000002.jpg: landmarks", "000003.jpg: expected a face")
    ):
        with pytest.raises(InputError, match=reason):
            data[row]


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("Img", "img_align_celeba or img_celeba"),
        ("Anno/list_landmarks_align_celeba.txt", "list_landmarks_align_celeba.txt"),
        ("Eval", "list_eval_partition.txt"),
    ],
)
def test_missing_parts_are_named_with_their_source(celeba_tree, missing, named):
    root = celeba_tree(2)
    path = root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(MissingFileError, match=named) as caught:
        CelebA(root)
    assert "mmlab.ie.cuhk.edu.hk" in str(caught.value)


def test_damaged_lists_are_named(celeba_tree):
    root = celeba_tree(3)
    path = root / "Anno" / "list_landmarks_align_celeba.txt"
    text = path.read_text()
    path.write_text(text.replace("3\n", "4\n", 1))  # cut off: fewer lines than the first says
    with pytest.raises(InputError, match="4 lines"):
        CelebA(root)
    path.write_text(text.replace("000002.jpg 69", "000002.jpg x"))
    with pytest.raises(InputError, match="line 4"):
        CelebA(root)
    path.write_text(text.replace("000002.jpg 69", "000002.jpg"))
    with pytest.raises(InputError, match="10 numbers"):
        CelebA(root)
    for split, images in (("training", ""), ("train", "celeba")):
        with pytest.raises(InputError, match="one of"):
            CelebA(root, split, images)
