from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.prepare.profiling.collection import estimated_yaws, fixed_goals, flat_goals

EDGES = np.array([0, 15, 30, 45, 60, 75, 90.0])


def counts(yaws: np.ndarray, goals: list[tuple[int, float]]) -> np.ndarray:
    return np.histogram(np.concatenate([np.abs(yaws), [goal for _, goal in goals]]), EDGES)[0]


def test_flat():
    yaws = np.random.default_rng(0).normal(0, 20, 600).clip(-89, 89)
    goals = flat_goals(yaws, EDGES, most=6)
    assert len(set(counts(yaws, goals))) == 1
    assert flat_goals(yaws, EDGES, most=6) == goals


def test_only_further_away_and_never_twice_to_one_bin():
    yaws = np.random.default_rng(1).normal(0, 30, 200).clip(-89, 89)
    goals = flat_goals(yaws, EDGES, most=3, seed=5)
    assert all(goal > abs(yaws[row]) for row, goal in goals)
    places = [(row, int(np.digitize(goal, EDGES))) for row, goal in goals]
    assert len(set(places)) == len(places)
    assert np.bincount([row for row, _ in goals]).max() <= 3


def test_few_copies_are_shared_among_bins():
    yaws = np.zeros(100)
    goals = flat_goals(yaws, EDGES, most=2)
    found = counts(yaws, goals)
    assert found[0] == 100 and found[1:].sum() == 200
    assert found[1:].max() - found[1:].min() <= 1


def test_beyond_a_right_angle():
    edges = np.array([0, 45, 90, 110.0])
    goals = flat_goals(np.array([5.0, -70, 50, 10]), edges)
    assert sorted(int(np.digitize(goal, edges)) for _, goal in goals) == [3, 3]


def test_unknown_poses_are_not_turned():
    yaws = np.array([np.nan, 5.0, 3.0, np.nan])
    assert {row for row, _ in flat_goals(yaws, EDGES)} == {1, 2}
    assert {row for row, _ in fixed_goals(yaws, np.array([30.0]))} == {1, 2}


def test_fixed():
    goals = fixed_goals(np.array([0.0, -28, 50]), np.array([30.0, 60]))
    assert goals == [(0, 30.0), (0, 60.0), (1, 60.0), (2, 60.0)]


def test_yaw_from_landmarks():
    model = load_face_model()
    mean = model.landmark_points(model.mean[None], "ibug68")[0].double()
    true = np.array([-85.0, -40, 0, 20, 75])
    for pitch, roll in ((0, 0), (20, 30), (-15, -170)):
        angles = torch.tensor([[pitch, yaw, roll] for yaw in true]).deg2rad().double()
        turned = mean @ euler_to_matrix(angles).mT
        points = (turned[..., :2] * torch.tensor([1.3, -1.3]) + 200).numpy()
        assert np.allclose(estimated_yaws(points, mean.numpy()), true, atol=1e-6)
    points[1, 40] = np.nan
    assert np.isnan(estimated_yaws(points, mean.numpy())).tolist() == [False, True] + [False] * 3


def test_wrong_arguments():
    for edges in ([0.0], [0.0, 30, 30], [-5.0, 30]):
        with pytest.raises(InputError, match="edges"):
            flat_goals(np.zeros(3), np.array(edges))
    with pytest.raises(InputError, match="most"):
        flat_goals(np.zeros(3), EDGES, most=0)
