"""Mirror images of landmark sets, and the five points taken from them."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import UnknownNameError
from selfie3d.datasets.photographs.aflw import aflw_from_68
from selfie3d.datasets.photographs.landmark_sets import (
    MIRRORS,
    five_points,
    mirrored_points,
    point_count,
    points_68,
)
from selfie3d.geometry.landmarks import IBUG68_MIRROR


@pytest.mark.parametrize("key", MIRRORS)
def test_mirroring_twice_changes_nothing(key):
    points = np.random.default_rng(0).uniform(0, 50, (point_count(key), 2))
    once = mirrored_points(key, points, 50)
    assert not np.allclose(once, points)
    np.testing.assert_allclose(mirrored_points(key, once, 50), points)


def test_aflw21_mirrors_as_the_68_do():
    """Each of the 21 is a mean of some of the 68; mirroring before or after taking it is one."""
    weights = aflw_from_68()
    mirrored = weights[list(MIRRORS["aflw21"])][:, list(IBUG68_MIRROR)]
    np.testing.assert_array_equal(mirrored, weights)


def test_five_points_of_68_and_of_21(face_68):
    expected = [[0.36, 0.4], [0.64, 0.4], [0.5, 0.58], [0.36, 0.75], [0.64, 0.75]]
    np.testing.assert_allclose(five_points({"ibug68-2d": face_68}), expected)
    own = np.zeros((21, 2))
    own[[7, 10, 14, 17, 19]] = expected
    np.testing.assert_allclose(five_points({"aflw21": own}), expected)
    own[14] = np.nan
    assert five_points({"aflw21": own}) is None


def test_points_on_the_jaw_go_before_those_on_the_outline(face_68):
    both = {"ibug68-2d": face_68, "ibug68-3d": face_68 + 1}
    np.testing.assert_array_equal(points_68(both), face_68 + 1)
    gap = face_68.copy()
    gap[3] = np.nan
    np.testing.assert_array_equal(points_68({**both, "ibug68-3d": gap}), face_68)
    assert points_68({"ibug68-3d": gap}) is None


def test_an_unknown_set_is_named():
    with pytest.raises(UnknownNameError, match="ibug68-3d"):
        point_count("ibug68")
