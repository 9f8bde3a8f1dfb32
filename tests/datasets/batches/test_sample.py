"""Samples that a network cannot learn from are refused, with the reason."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.sample import FaceSample, checked

PICTURE = np.zeros((40, 60, 3), np.uint8)
POINTS = np.random.default_rng(0).uniform(5, 35, (68, 2))


def sample(**parts) -> FaceSample:
    return FaceSample("set/file", PICTURE, **parts)


def test_a_good_sample_is_returned():
    skin = np.zeros((40, 60), np.uint8)
    skin[3, 3] = 255
    partly = POINTS.copy()
    partly[:60] = np.nan
    good = sample(landmarks={"ibug68-3d": partly}, skin=skin, box=(1, 1, 30, 30))
    assert checked(good) is good
    assert checked(sample()).landmarks == {}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"landmarks": {"ibug68-3d": np.full((68, 2), np.nan)}}, "known points"),
        ({"landmarks": {"ibug68-3d": np.where(POINTS > 30, np.inf, POINTS)}}, "ibug68-3d"),
        ({"landmarks": {"ibug68-3d": POINTS + 100}}, "68 of 68 points of ibug68-3d outside"),
        ({"five_points": np.full((5, 2), -8.0)}, "5 of 5 points of five points"),
        ({"box": (10.0, 10.0, 10.0, 20.0)}, "x0 < x1"),
        ({"box": (100.0, 10.0, 150.0, 20.0)}, "outside"),
        ({"box": (np.nan, 10.0, 50.0, 20.0)}, "box"),
        ({"skin": np.zeros((40, 60), np.uint8)}, "empty"),
        ({"labels": {"pose_para": np.array([1, np.nan])}}, "pose_para: expected finite"),
    ],
)
def test_bad_samples_are_named_with_the_reason(parts, reason):
    with pytest.raises(InputError, match=reason) as caught:
        checked(sample(**parts))
    assert "set/file" in str(caught.value)


@pytest.mark.parametrize(
    "parts",
    [
        {"landmarks": {"ibug68-3d": POINTS[:60]}},
        {"five_points": POINTS[:4]},
        {"skin": np.zeros((60, 40), np.uint8)},
    ],
)
def test_wrong_shapes(parts):
    with pytest.raises(InputError, match="shape"):
        sample(**parts)
    with pytest.raises(InputError, match="uint8"):
        FaceSample("set/file", PICTURE.astype(np.float32))


@pytest.mark.parametrize("far", [1e6, -1e300, np.inf])
def test_points_and_boxes_far_from_the_photograph_are_refused(far):
    picture = np.zeros((20, 30, 3), np.uint8)
    points = np.array([[5, 5], [9, 5], [7, 8], [5, 12], [far, 12.0]])
    with pytest.raises(InputError, match="a: five points: expected points within 600"):
        checked(FaceSample("a", picture, five_points=points))
    with pytest.raises(InputError, match="a: box"):
        checked(FaceSample("a", picture, box=(-abs(far), 0.0, abs(far), 20.0)))
    with pytest.raises(InputError, match="a: yaw: expected finite numbers of float32"):
        checked(FaceSample("a", picture, labels={"yaw": np.array([far * 1e33])}))
