"""Any folder of photographs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.folder import PhotoFolder


@pytest.fixture
def tree(tmp_path, picture):
    root = tmp_path / "photos"
    (root / "b" / "c").mkdir(parents=True)
    (root / ".hidden").mkdir()
    for name in ("z.jpg", "b/a.PNG", "b/c/d.jpeg", ".hidden/x.jpg", "b/.y.jpg"):
        Image.fromarray(picture(40, 50)).save(root / name)
    (root / "b" / "notes.txt").write_text("no photograph")
    return root


def test_photographs_of_all_folders_in_order(tree):
    data = PhotoFolder(tree)
    names = [data.row_name(row) for row in range(len(data))]
    assert names == ["folder/b/a.PNG", "folder/b/c/d.jpeg", "folder/z.jpg"]
    sample = data[1]
    assert sample.name == "folder/b/c/d.jpeg"
    assert sample.picture.shape == (40, 50, 3)
    assert sample.box is None and not sample.landmarks
    summary = PhotoFolder(tree, name="mine").summary
    assert summary.startswith("mine: 3 photographs; ") and "notes.txt" in summary


def test_side_files_beside_and_elsewhere(tree, tmp_path):
    (tree / "z.json").write_text(json.dumps({"box": [5, 6, 20, 30]}))
    Image.fromarray(np.full((40, 50), 255, np.uint8)).save(tree / "z_skin.png")
    data = PhotoFolder(tree)
    assert len(data) == 3  # the mask is no photograph
    assert data[2].box == (5, 6, 20, 30)
    assert data[2].skin.shape == (40, 50)
    other = tmp_path / "prepared" / "b" / "c"
    other.mkdir(parents=True)
    (other / "d.json").write_text(json.dumps({"box": [1, 2, 30, 30]}))
    apart = PhotoFolder(tree, prepared=str(tmp_path / "prepared"))
    assert apart[1].box == (1, 2, 30, 30)
    assert apart[2].box is None


def test_bad_rows(tree):
    data = PhotoFolder(tree)
    (tree / "b" / "a.PNG").write_bytes(b"")
    (tree / "b" / "c" / "d.json").write_text('{"box": [NaN, 0, 1, 1]}')
    (tree / "z.jpg").unlink()
    for row, (kind, reason) in enumerate(
        [(InputError, "empty file"), (InputError, "NaN"), (MissingFileError, r"z\.jpg")]
    ):
        with pytest.raises(kind, match=reason):
            data[row]


def test_a_folder_without_photographs(tmp_path):
    with pytest.raises(MissingFileError, match=r"\.jpg"):
        PhotoFolder(tmp_path)
    with pytest.raises(MissingFileError, match="none"):
        PhotoFolder(tmp_path / "none")


def test_photographs_of_every_kind_and_no_results(tree):
    (tree / "results" / ".selfie3d").mkdir(parents=True)
    for name in ("results/sheet.png", "b/b.gif", "b/IMG_1"):
        kind = "GIF" if name.endswith("gif") else "PNG"
        Image.new("RGB", (40, 50)).save(tree / name, kind)
    data = PhotoFolder(tree)
    names = [data.row_name(row) for row in range(len(data))]
    assert names[:3] == ["folder/b/IMG_1", "folder/b/a.PNG", "folder/b/b.gif"]
    assert len(names) == 5 and data[0].picture.shape == (50, 40, 3)
    assert "results" in [path.name for path, _ in data.passed.passed]
