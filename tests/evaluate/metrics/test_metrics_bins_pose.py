"""Bins, balanced subsets and head pose against hand counts and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.evaluate.metrics.landmarks import (
    balanced_subset,
    bin_means,
    weighted_mean,
    yaw_bins,
)
from selfie3d.evaluate.metrics.pose import (
    angle_errors,
    geodesic_errors,
    locked,
    mean_errors,
    within_range,
)


def test_bins_are_closed_above_and_take_odd_angles():
    yaw = np.array([0, 30, -30, 30.001, 60, -60.5, 89, 95, -351])
    assert yaw_bins(yaw).tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    with pytest.raises(InputError):
        yaw_bins(np.array([np.nan]))


def test_the_three_kinds_of_mean():
    found = bin_means(np.array([1.0, 3.0, 5.0, 9.0]), np.array([0, 0, 1, 2]))
    assert found.means == (2, 5, 9)
    assert found.counts == (2, 1, 1)
    assert found.mean_of_bins == pytest.approx(16 / 3)
    assert found.std_of_bins == pytest.approx(np.std([2, 5, 9]))
    assert found.sample_mean == 4.5 == weighted_mean(found.means, found.counts)


def test_an_empty_bin_has_no_mean_of_bins():
    found = bin_means(np.array([1.0, 3.0]), np.array([0, 1]))
    assert np.isnan([found.means[2], found.mean_of_bins, found.std_of_bins]).all()


def test_failures_must_be_dealt_with_first():
    with pytest.raises(InputError, match="NaN"):
        bin_means(np.array([1.0, np.nan]), np.array([0, 1]))


def test_balanced_subsets_are_balanced_and_repeatable():
    bins = np.repeat([0, 1, 2], [1306, 462, 232])
    rows = balanced_subset(bins, seed=3)
    assert len(set(rows.tolist())) == 696
    assert np.bincount(bins[rows]).tolist() == [232] * 3
    assert (rows == balanced_subset(bins, seed=3)).all()
    assert (rows != balanced_subset(bins, seed=4)).any()
    with pytest.raises(InputError):
        balanced_subset(bins, seed=0, each=233)


def test_angles_wrap():
    errors = angle_errors(np.array([[359.0, -179, 10]]), np.array([[1.0, 179, -10]]))
    np.testing.assert_allclose(errors, [[2, 2, 20]])


def test_geodesic_is_the_angle_between_rotations():
    random = np.random.default_rng(1)
    one, other = random.uniform(-80, 80, (2, 20, 3))
    got = geodesic_errors(one, other)
    # 300W-LP's matrices are the transposes of the usual ones: negative angles.
    turns = [Rotation.from_euler("XYZ", -a, degrees=True) for a in (one, other)]
    want = np.degrees((turns[0].inv() * turns[1]).magnitude())
    np.testing.assert_allclose(got, want, atol=1e-6)
    one[3] = np.nan
    assert np.isnan(geodesic_errors(one, other)).tolist() == [i == 3 for i in range(20)]


def test_gimbal_lock_is_no_geodesic_error():
    one, other = np.array([[40.0, 90, 0]]), np.array([[0.0, 90, 40]])
    swapped = np.array([[0.0, 90, -40]])
    assert angle_errors(one, other)[0].max() == 40
    assert min(geodesic_errors(one, other)[0], geodesic_errors(one, swapped)[0]) < 1e-4


def test_the_two_rules_drop_what_they_say():
    truth = np.array([[10.0, 98.9, 0], [10, 99.1, 0], [-120, 0, 0]])
    assert within_range(truth).tolist() == [True, False, False]
    errors = np.array([[21.0, 4, 0], [0, 4, 21], [21, 6, 21], [19, 1, 19]])
    assert locked(errors).tolist() == [True, True, False, False]


def test_means_of_pose():
    means = mean_errors(np.array([[1.0, 2, 3], [3, 4, 8]]))
    assert (means.pitch, means.yaw, means.roll, means.count) == (2, 3, 5.5, 2)
    assert means.mean == 3.5
    with pytest.raises(InputError):
        mean_errors(np.array([[1.0, np.nan, 3]]))
