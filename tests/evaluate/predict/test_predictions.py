"""Files of predictions: what is read, and what is refused with which words."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.evaluate.predict.photographs import refuse_other_order
from selfie3d.evaluate.predict.predictions import (
    Predictions,
    named_rows,
    read_predictions,
    write_predictions,
)
from selfie3d.geometry.landmarks import IBUG68_MIRROR

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


def many(count=40):
    """Faces of about 100 pixels at different places, and their poses."""
    rng = np.random.default_rng(1)
    faces = np.zeros((count, 3, 68))
    faces[:, :2] = rng.normal(size=(1, 2, 68)) * 30
    mirror = list(IBUG68_MIRROR)
    faces[:, 0] -= faces[:, 0][:, mirror]  # right and left lie on two sides
    faces[:, :2] += rng.uniform(100, 350, (count, 2, 1))
    return faces, rng.uniform(-60, 60, (count, 3)), tuple(f"{k}.jpg" for k in range(count))


ABSURD = {
    "huge": (lambda x, p, n: (x * 1e300, p, n), r"at most 100000, got .*e\+30"),
    "infinite": (lambda x, p, n: (x / 0.0, p, n), "infinity"),
    "parts of the photograph": (lambda x, p, n: (x / 450, p, n), "Multiply x with"),
    "about the middle": (lambda x, p, n: (x / 225 - 1, p, n), "Multiply x with"),
    "points first": (lambda x, p, n: (x.transpose(0, 2, 1), p, n), "transpose"),
    "radians": (lambda x, p, n: (x, np.deg2rad(p), n), "radians.*rad2deg"),
    "huge angles": (lambda x, p, n: (x, p * 1e300, n), "at most 360"),
    "infinite angles": (lambda x, p, n: (x, p / 0.0, n), "infinity"),
    "bytes": (lambda x, p, n: (x, p, np.array(n).astype("S")), "astype"),
}


@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_absurd_predictions_are_named(tmp_path, case):
    change, words = ABSURD[case]
    landmarks, pose, names = many()
    read_predictions(
        save(tmp_path / "p.npz", names=names, landmarks_68=landmarks, pose_deg=pose), names
    )
    given, angles, called = change(landmarks, pose, names)
    path = save(tmp_path / "p.npz", names=called, landmarks_68=given, pose_deg=angles)
    with pytest.raises(InputError, match=words):
        read_predictions(path, names)


def test_frontal_poses_of_a_few_are_degrees(tmp_path):
    landmarks, pose, names = many(5)
    path = save(tmp_path / "p.npz", names=names, landmarks_68=landmarks, pose_deg=pose / 30)
    assert read_predictions(path, names).pose_deg is not None


def test_other_orders_are_named_by_the_truth():
    truth, _, _ = many()
    rng = np.random.default_rng(2)
    good = truth + rng.normal(size=truth.shape)
    refuse_other_order("p.npz", good, truth)
    refuse_other_order("p.npz", good + 500, truth)  # bad in every order: scored as it is
    for given, words in (
        (good[:, [1, 0, 2]], r"x, y.*\[1, 0, 2\]"),
        (good[:, :, list(IBUG68_MIRROR)], "right before the left"),
        (good[rng.permutation(len(good))], "rows.*names"),
    ):
        with pytest.raises(InputError, match=words):
            refuse_other_order("p.npz", given, truth)
    failed = good[:, [1, 0, 2]]
    failed[3:] = np.nan
    with pytest.raises(InputError, match="x, y"):
        refuse_other_order("p.npz", failed, truth)
    refuse_other_order("p.npz", np.full_like(truth, np.nan), truth)
