"""Files of predictions: what is read, and what is refused with which words."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.evaluate.predictions import (
    Predictions,
    named_rows,
    read_predictions,
    write_predictions,
)

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.fixture
def landmarks():
    return np.random.default_rng(0).uniform(0, 450, (4, 3, 68))


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_written_predictions_come_back(landmarks, tmp_path):
    landmarks[1] = np.nan
    pose = np.array([[1.0, 2, 3]] * 4)
    path = tmp_path / "new" / "predictions.npz"
    write_predictions(path, Predictions(NAMES, landmarks, pose, {"b.jpg": "no face"}))
    again = read_predictions(path, NAMES)
    np.testing.assert_allclose(again.landmarks, landmarks, rtol=1e-6)
    np.testing.assert_allclose(again.pose_deg, pose)
    assert again.failures == {"b.jpg": "NaN in its landmarks"}
    assert again.found.tolist() == [True, False, True, True]
    assert [p.name for p in path.parent.iterdir()] == ["predictions.npz"]


def test_names_decide_the_row_and_missing_ones_fail(landmarks, tmp_path):
    path = save(tmp_path / "p.npz", names=["c.jpg", "a.jpg"], landmarks_68=landmarks[:2])
    again = read_predictions(path, NAMES)
    np.testing.assert_array_equal(again.landmarks[[2, 0]], landmarks[:2])
    assert again.failures == {"b.jpg": "not in the file", "d.jpg": "not in the file"}
    assert named_rows(path, NAMES) == [0, 2]


def test_bare_arrays_have_a_row_per_image(landmarks, tmp_path):
    np.save(tmp_path / "p.npy", landmarks[:, :2])
    again = read_predictions(tmp_path / "p.npy", NAMES)
    np.testing.assert_array_equal(again.landmarks[:, :2], landmarks[:, :2])
    assert np.isnan(again.landmarks[:, 2]).all()
    assert not again.failures
    np.save(tmp_path / "p.npy", landmarks[:3])
    with pytest.raises(InputError, match="4 rows"):
        read_predictions(tmp_path / "p.npy", NAMES)
    with pytest.raises(InputError, match="names"):
        named_rows(tmp_path / "p.npy", NAMES)


def test_an_unknown_name_is_an_error_that_names_the_nearest(landmarks, tmp_path):
    path = save(tmp_path / "p.npz", names=["a.jpg", "bb.jpg"], landmarks_68=landmarks[:2])
    with pytest.raises(UnknownNameError, match=r"'bb.jpg'.*Did you mean 'b.jpg'"):
        read_predictions(path, NAMES)


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
def test_a_truncated_file(landmarks, tmp_path, keep):
    for name in ("p.npz", "p.npy"):
        path = tmp_path / name
        if name == "p.npz":
            save(path, names=NAMES, landmarks_68=landmarks)
        else:
            np.save(path, landmarks)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])
        with pytest.raises(InputError, match="whole"):
            read_predictions(path, NAMES)


def test_what_else_is_refused(landmarks, tmp_path):
    path = tmp_path / "p.npz"
    with pytest.raises(MissingFileError):
        read_predictions(path, NAMES)
    infinite = landmarks.copy()
    infinite[0, 0, 0] = np.inf
    for arrays, words in (
        ({"names": NAMES, "other": landmarks}, "landmarks_68.*other"),
        ({"names": NAMES, "landmarks_68": landmarks.transpose(0, 2, 1)}, "shape"),
        ({"names": NAMES[:3], "landmarks_68": landmarks}, "one per row"),
        ({"names": np.arange(4), "landmarks_68": landmarks}, "one per row"),
        ({"names": ["a.jpg"] * 4, "landmarks_68": landmarks}, "once"),
        ({"names": NAMES, "landmarks_68": infinite}, "infinity"),
        ({"names": NAMES, "landmarks_68": landmarks, "pose_deg": np.zeros((3, 3))}, "pose_deg"),
        ({"names": np.array(NAMES, object), "landmarks_68": landmarks}, "Python objects"),
    ):
        save(path, **arrays)
        with pytest.raises(InputError, match=words):
            read_predictions(path, NAMES)


def test_another_key(landmarks, tmp_path):
    path = save(tmp_path / "p.npz", names=NAMES, PRNet=landmarks)
    np.testing.assert_array_equal(read_predictions(path, NAMES, "PRNet").landmarks, landmarks)
