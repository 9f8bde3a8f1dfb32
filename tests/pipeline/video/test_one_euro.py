"""The filter against its paper, written out number by number, and what it is for."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from selfie3d.pipeline.video.one_euro import EuroOptions, OneEuro, TurnEuro
from selfie3d.pipeline.video.pose import HeadPose
from selfie3d.pipeline.video.smooth import HeadSmoother, SmoothOptions

STEP = 1 / 30


def naive(values, cutoff, slope):
    """Algorithms 1 and 2 of the paper for one number."""
    tau = lambda hz: 1 / (2 * math.pi * hz)  # noqa: E731
    alpha = lambda hz: 1 / (1 + tau(hz) / STEP)  # noqa: E731
    found, speed = [values[0]], 0.0
    for before, value in pairwise(values):
        speed = alpha(1.0) * (value - before) / STEP + (1 - alpha(1.0)) * speed
        share = alpha(cutoff + slope * abs(speed))
        found.append(share * value + (1 - share) * found[-1])
    return np.array(found)


def test_as_the_paper_has_it():
    values = np.random.default_rng(0).normal(size=(40, 3)).cumsum(0)
    smooth = OneEuro(EuroOptions(0.7, 0.4))
    found = np.array([smooth(value, STEP) for value in values])
    for k in range(3):
        assert found[:, k] == pytest.approx(naive(values[:, k].tolist(), 0.7, 0.4))


def test_speeds_are_counted_in_units():
    """Values and their unit ten times as large: the same ten times as large."""
    values = np.random.default_rng(1).normal(size=(20, 2)).cumsum(0)
    one, ten = OneEuro(EuroOptions(1, 0.3)), OneEuro(EuroOptions(1, 0.3))
    for value in values:
        assert ten(10 * value, STEP, 10.0) == pytest.approx(10 * one(value, STEP, 1.0))


def test_turns_about_one_axis_are_a_number():
    angles = np.random.default_rng(2).normal(0, 4, 40).cumsum()
    smooth, number = TurnEuro(EuroOptions(0.7, 0.05)), OneEuro(EuroOptions(0.7, 0.05))
    for angle in angles:
        turned = smooth(Rotation.from_euler("y", angle, degrees=True).as_matrix(), STEP)
        found = Rotation.from_matrix(turned).as_euler("YXZ", degrees=True)
        expected = float(number(np.array([angle]), STEP)[0])
        assert math.sin(math.radians(found[0] - expected)) == pytest.approx(0, abs=1e-6)
        assert found[1:] == pytest.approx([0, 0], abs=1e-6)


def test_a_still_head_is_stiller_and_a_moving_one_is_not_late():
    random, smoother = np.random.default_rng(3), HeadSmoother(SmoothOptions())
    still, moving = [], []
    for k in range(90):
        place = np.array([300.0, 200]) + random.normal(0, 0.2, 2)
        pose, _ = smoother(HeadPose(np.eye(3), place, 0.9), np.zeros(4), k * STEP)
        still.append(pose.middle)
    assert np.std(still[30:], 0).max() < 0.1
    for k in range(90, 150):
        place = np.array([300.0 + 10 * (k - 90), 200])  # 300 pixels a second
        pose, _ = smoother(HeadPose(np.eye(3), place, 0.9), np.zeros(4), k * STEP)
        moving.append(place[0] - pose.middle[0])
    assert abs(np.mean(moving[20:])) < 10  # a frame


def test_after_a_pause_nothing_of_before_counts():
    smoother = HeadSmoother(SmoothOptions())
    far, near = np.array([0.0, 0]), np.array([400.0, 300])
    smoother(HeadPose(np.eye(3), far, 1.0), np.zeros(2), 0.0)
    pose, weights = smoother(HeadPose(np.eye(3), near, 2.0), np.ones(2), 3.0)
    assert pose.middle.tolist() == near.tolist() and weights.tolist() == [1, 1]
    assert pose.scale == pytest.approx(2.0)


def test_eyes_have_a_filter_of_their_own():
    options = SmoothOptions(expression=EuroOptions(1e9, 0), gaze=EuroOptions(1e-9, 0))
    smoother = HeadSmoother(options, ("jawOpen", "eyeLookUpLeft", "eyeBlinkLeft"))
    pose = HeadPose(np.eye(3), np.zeros(2), 1.0)
    smoother(pose, np.zeros(3), 0.0)
    assert smoother(pose, np.ones(3), STEP)[1] == pytest.approx([1, 0, 1], abs=1e-6)


def test_none_leaves_everything():
    pose, weights = HeadPose(np.eye(3), np.zeros(2), 1.0), np.arange(3.0)
    for time in (0.0, 0.1):
        assert HeadSmoother(None)(pose, weights, time) == (pose, weights)
