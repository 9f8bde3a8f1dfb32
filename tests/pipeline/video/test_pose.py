"""Poses of heads, the camera of a clip, and who somebody is from many frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.euler import euler_to_matrix
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.pipeline.video.clip_camera import in_clip_camera
from selfie3d.pipeline.video.identity import RunningIdentity
from selfie3d.pipeline.video.pose import HeadPose

SIZE, FOCAL = (640, 480), 800.0


def posed(middle, yaw=0.4, roll=0.0):
    rotation = euler_to_matrix(torch.tensor([[0.1, yaw, roll]]))[0].double().numpy()
    return HeadPose(rotation, np.array(middle, float), 0.9)


def test_there_and_back():
    pose = posed((123.0, 345.0), roll=0.3)
    back = HeadPose.of(pose.camera(FOCAL))
    assert back.rotation == pytest.approx(pose.rotation, abs=1e-6)
    assert back.middle == pytest.approx(pose.middle, abs=1e-3)
    assert back.scale == pytest.approx(pose.scale, rel=1e-5)


def test_any_camera_that_sees_the_middle_there():
    """One with its principal point elsewhere: the head's middle and its size there."""
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[30.0, -20.0, -700.0]]),
        torch.tensor([900.0]),
        torch.tensor([[200.0, 100.0]]),
    )
    pose = HeadPose.of(camera)
    at = torch.tensor([[PIVOT_MM, (PIVOT_MM[0] + 1, *PIVOT_MM[1:])]])
    seen = camera.project(at)[0, :, :2].numpy()
    assert pose.middle == pytest.approx(seen[0], abs=1e-3)
    assert pose.scale == pytest.approx(seen[1, 0] - seen[0, 0], rel=1e-3)


@pytest.mark.parametrize("roll", [-0.5, 0.0, 0.7])
def test_roll_is_clockwise(roll):
    pose = posed((0, 0), yaw=0.0, roll=roll)
    assert pose.roll == pytest.approx(roll, abs=0.01)


@pytest.mark.parametrize(
    ("middle", "most"), [((320, 240), 1e-3), ((500, 150), 2.0), ((100, 400), 4.0)]
)
def test_the_clip_camera_sees_the_head_where_it_is(default_model, middle, most):
    """Beside the middle by all but the stretching of wide angles."""
    pose = posed(middle)
    rotation, place = in_clip_camera(pose, FOCAL, SIZE)
    camera = PerspectiveCamera(
        torch.from_numpy(rotation)[None].float(),
        torch.from_numpy(place)[None].float(),
        torch.tensor([FOCAL]),
        torch.tensor([SIZE]) / 2,
    )
    points = default_model.landmark_points(default_model.mean[None], "ibug68")
    away = camera.project(points) - pose.camera(FOCAL).project(points)
    assert float(away[0, :, :2].norm(dim=1).mean()) < most
    seen = camera.project(torch.tensor([[PIVOT_MM]]))[0, 0, :2].numpy()
    assert seen == pytest.approx(middle, abs=0.01)


def test_frames_count_by_their_errors():
    random, running = np.random.default_rng(0), RunningIdentity()
    values = torch.from_numpy(random.normal(size=(9, 1, 5)))
    focals, errors = random.uniform(500, 900, 9), random.uniform(0.01, 0.04, 9)
    for value, focal, error in zip(values, focals, errors, strict=True):
        running.hear(value, focal, error)
    weights = errors**-2 / (errors**-2).sum()
    assert running.identity.numpy() == pytest.approx(np.einsum("n,nbk->bk", weights, values))
    assert np.log(running.focal) == pytest.approx((weights * np.log(focals)).sum())


def test_frames_are_heard_ever_more_rarely():
    running, heard = RunningIdentity(), []
    for frame in range(400):
        if running.due:
            heard.append(frame)
            running.hear(torch.zeros(1, 3), 800.0, 0.02)
        else:
            running.skip()
    gaps = np.diff(heard)
    assert gaps[:7].tolist() == [1] * 7 and (np.diff(gaps) >= 0).all() and 5 < gaps[-1] < 20
