"""AFLW2000-3D's photographs as samples."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.aflw2000_photos import Aflw2000Photographs


@pytest.fixture
def tree(tmp_path):
    """Three photographs as distributed, the second cut off; the points are 1-based."""
    points = np.stack([np.linspace(100, 350, 68), np.linspace(120, 330, 68), np.zeros(68)])
    for k in range(3):
        Image.fromarray(np.full((450, 450, 3), 40 * k, np.uint8)).save(tmp_path / f"i{k}.jpg")
        savemat(tmp_path / f"i{k}.mat", {"pt3d_68": points + k, "Pose_Para": np.zeros((1, 7))})
    whole = (tmp_path / "i1.jpg").read_bytes()
    (tmp_path / "i1.jpg").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def test_points_are_in_our_pixels(tree):
    faces = Aflw2000Photographs(tree)
    assert len(faces) == 3
    assert faces.row_name(2) == "aflw2000/i2.jpg"
    sample = faces[2]
    assert sample.picture.shape == (450, 450, 3)
    assert sample.landmarks["ibug68-3d"][0] == pytest.approx([100 + 2 - 0.5, 120 + 2 - 0.5])
    with pytest.raises(InputError, match="i1"):
        faces[1]


def test_rows_can_be_chosen(tree):
    assert len(Aflw2000Photographs(tree, every=2)) == 2
    assert Aflw2000Photographs(tree, every=2, offset=1).row_name(0) == "aflw2000/i1.jpg"


def test_what_is_not_there_is_named(tree, tmp_path):
    with pytest.raises(InputError, match="reannotated"):
        Aflw2000Photographs(tree, annotation="new")
    with pytest.raises(InputError, match="original"):
        Aflw2000Photographs(tree, annotation="reannotated")
    with pytest.raises(MissingFileError):
        Aflw2000Photographs(tmp_path / "nowhere")
