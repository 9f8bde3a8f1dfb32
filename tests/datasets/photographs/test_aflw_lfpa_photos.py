from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.registry import DATASETS


@pytest.fixture
def lfpa_tree(tmp_path, picture):
    """Two photographs; points 0..32 are landmarks 2k, point 33 is the mean of two."""
    root = tmp_path / "lfpa"
    (root / "images").mkdir(parents=True)
    for k in range(2):
        Image.fromarray(picture(150, 150, k)).save(root / "images" / f"{k}.jpg")
    from_68 = np.zeros((34, 68))
    from_68[np.arange(33), 2 * np.arange(33)] = 1
    from_68[33, [36, 39]] = 0.5
    points = np.random.default_rng(4).uniform(30, 110, (2, 2, 34))
    points[1, :, 5] = -1
    np.savez(
        root / "lfpa34.npz",
        names=np.array(["0.jpg", "1.jpg"]),
        landmarks_34=points,
        from_68=from_68,
    )
    return root, points


def test_the_points_that_are_landmarks(lfpa_tree):
    root, points = lfpa_tree
    data = DATASETS.create("aflw-lfpa", str(root))
    assert len(data) == 2 and "33 of 34 points" in data.summary
    first, second = (data[row].landmarks["ibug68-3d"] for row in range(2))
    np.testing.assert_allclose(first[:66:2], points[0].T[:33] - 0.5)  # the file is 1-based
    assert np.isnan(first[1::2]).all() and np.isnan(first[66]).all()
    assert np.isnan(second[10]).all() and np.isfinite(second[8]).all()
    x0, y0, x1, y1 = data[0].box
    np.testing.assert_allclose([x0, y0], points[0].min(1) - 0.5)
    np.testing.assert_allclose([x1, y1], points[0].max(1) - 0.5)
    assert data.row_name(1) == data[1].name == "aflw-lfpa/1.jpg"


def test_missing_and_broken_files(lfpa_tree):
    root, _ = lfpa_tree
    data = DATASETS.create("aflw-lfpa", str(root))
    (root / "images" / "0.jpg").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no image"):
        data[0]
    (root / "images" / "1.jpg").unlink()
    with pytest.raises(MissingFileError, match=r"1\.jpg"):
        data[1]
    with pytest.raises(MissingFileError, match="1 of 2 photographs"):
        DATASETS.create("aflw-lfpa", str(root))
    (root / "lfpa34.npz").unlink()
    with pytest.raises(MissingFileError, match="cvlab"):
        DATASETS.create("aflw-lfpa", str(root))


def test_points_of_which_none_is_a_landmark(lfpa_tree):
    root, points = lfpa_tree
    between = np.zeros((34, 68))
    between[:, :2] = 0.5
    names = np.array(["0.jpg", "1.jpg"])
    np.savez(root / "lfpa34.npz", names=names, landmarks_34=points, from_68=between)
    with pytest.raises(InputError, match="from_68"):
        DATASETS.create("aflw-lfpa", str(root))
