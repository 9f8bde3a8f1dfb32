"""Dense errors by hand, and nearest points against an ICP that is written out here."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.evaluate.metrics.dense import KINDS, dense_errors, nearest_nme


@pytest.fixture
def truth():
    return np.random.default_rng(0).uniform(100, 300, (400, 3))


def box(points):
    return np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))


def similarity(source, target):
    """Umeyama by numpy alone: target ~ s R source + t."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / np.square(a).sum(1).mean()
    return lambda points: scale * (points - source.mean(0)) @ rotation.T + target.mean(0)


def naive_icp_error(predicted, truth, steps=200):
    moved = similarity(predicted, truth)(predicted)
    for _ in range(steps):
        nearest = cKDTree(moved).query(truth)[1]
        moved = similarity(predicted[nearest], truth)(predicted)
    return 100 * cKDTree(moved).query(truth)[0].mean() / box(truth)


@pytest.mark.parametrize("seed", range(4))
def test_nearest_points_as_an_icp_written_out(truth, seed):
    predicted = truth + np.random.default_rng(seed + 1).normal(0, 4, truth.shape)
    assert nearest_nme(predicted, truth) == pytest.approx(
        naive_icp_error(predicted, truth), rel=1e-3
    )


def test_a_moved_copy_has_no_error(truth):
    turn = Rotation.from_euler("xyz", [0.4, -0.3, 0.2]).as_matrix()
    predicted = 0.7 * truth @ turn.T + [5, -3, 80]
    assert nearest_nme(predicted, truth) < 1e-4
    assert dense_errors(predicted, truth, 90.0)["reconstruction"] < 1e-4


def test_nearest_points_are_nearer_than_corresponding_ones(truth):
    predicted = truth + np.random.default_rng(9).normal(0, 6, truth.shape)
    same_unit = dense_errors(predicted, truth, float(box(truth)))["reconstruction"]
    assert 0 < nearest_nme(predicted, truth) < same_unit


def test_by_hand(truth):
    found = dense_errors(truth + np.array((3.0, 4.0, 7.0)), truth, 90.0)
    assert set(found) == set(KINDS[:3])
    assert found["dense, 2D"] == pytest.approx(100 * 5 / box(truth))
    assert found["dense, 3D"] == pytest.approx(100 * 5 / box(truth))  # a constant depth is free
    assert found["reconstruction"] == pytest.approx(0, abs=1e-4)


def test_failures_and_refusals(truth):
    lost = truth.copy()
    lost[3, 1] = np.nan
    assert np.isnan(nearest_nme(lost, truth)) and np.isnan(
        dense_errors(lost, truth, 90.0)["dense, 2D"]
    )
    with pytest.raises(InputError, match=r"predicted: expected the truth's shape \(400, 3\)"):
        nearest_nme(truth[:9], truth)
    with pytest.raises(InputError, match="pixels of at most"):
        dense_errors(truth * 1e6, truth, 90.0)
