"""Pose from points: the camera that made them is found again."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle
from selfie3d.pipeline.fit.model import five_points
from selfie3d.pipeline.fit.pose import FOCAL_PER_SIZE, face_from_points, pose_from_points

SIZE = 224


def camera(pitch: float, yaw: float, roll: float) -> PerspectiveCamera:
    """About as near as a crop shows a face; degrees."""
    angles = torch.tensor([[pitch, yaw, roll]]) * (math.pi / 180)
    return PerspectiveCamera(
        euler_to_matrix(angles),
        torch.tensor([[6.0, -25.0, -1150.0]]),
        torch.tensor([FOCAL_PER_SIZE * SIZE]),
        torch.tensor([[SIZE / 2, SIZE / 2]]),
    )


def error_deg(found: PerspectiveCamera, truth: PerspectiveCamera) -> float:
    return float(geodesic_angle(found.rotation, truth.rotation)[0]) * 180 / math.pi


@pytest.fixture(scope="module")
def points68(default_model):
    return default_model.landmark_points(default_model.mean[None])[0]


@pytest.mark.parametrize("yaw", [-50, -25, 0, 25, 50])
@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (15, -10), (-12, 8)])
def test_exact_points_give_the_pose(points68, pitch, yaw, roll):
    truth = camera(pitch, yaw, roll)
    image = truth.project(points68[None])[0, :, :2]
    found = pose_from_points(points68, image, SIZE)
    assert error_deg(found, truth) < 1
    assert float(found.translation[0, 2]) == pytest.approx(-1150, rel=0.01)
    assert float((found.project(points68[None])[0, :, :2] - image).norm(dim=1).max()) < 1
    assert torch.equal(found.focal, truth.focal) and torch.equal(found.center, truth.center)


@pytest.mark.parametrize("yaw", [-50, -20, 0, 35])
def test_five_points_with_noise(default_model, yaw):
    """The prior towards the frontal pose may cost a few degrees, no more."""
    body = five_points(default_model, default_model.mean[None])[0]
    truth = camera(5, yaw, -5)
    generator = torch.Generator().manual_seed(yaw + 90)
    exact = truth.project(body[None])[0, :, :2]
    errors = [
        error_deg(
            pose_from_points(body, exact + torch.randn(5, 2, generator=generator), SIZE), truth
        )
        for _ in range(5)
    ]
    assert sorted(errors)[2] < 8


def test_in_front_of_the_camera_and_repeatable(points68):
    image = camera(0, 40, 0).project(points68[None])[0, :, :2]
    first, second = (pose_from_points(points68, image, SIZE) for _ in range(2))
    assert float(first.translation[0, 2]) < 0
    assert torch.equal(first.rotation, second.rotation)
    assert first.rotation.dtype == torch.float32


@pytest.mark.parametrize(
    ("model", "image", "named"),
    [
        (torch.zeros(3, 3), torch.zeros(3, 2), "four points"),
        (torch.zeros(5, 3), torch.zeros(4, 2), "image_points"),
        (torch.zeros(5, 2), torch.zeros(5, 2), "model_points"),
        (torch.zeros(5, 3), torch.full((5, 2), torch.nan), "image_points"),
    ],
)
def test_bad_points(model, image, named):
    with pytest.raises(InputError, match=named):
        pose_from_points(model, image, SIZE)


@pytest.fixture(scope="module")
def smile(default_model):
    """Points, a basis of two identity modes and one expression, (3,68,3), and its spreads.

    Of the first four modes those that move landmarks most: the prior has least to say there.
    """
    points = default_model.landmark_points(default_model.mean[None])[0]
    widest = int(
        default_model.expression[:, default_model.region("lips")].norm(dim=-1).sum(1).argmax()
    )
    moved = default_model.landmark_points(default_model.mean + default_model.identity[:4]) - points
    first, second = moved.square().sum((1, 2)).argsort(descending=True)[:2].tolist()
    chosen = (default_model.identity[first], default_model.identity[second])
    modes = [*chosen, default_model.expression[widest]]
    moved = default_model.landmark_points(default_model.mean + torch.stack(modes))
    return points, moved - points, torch.tensor([1.0, 1.0, 0.3]), torch.tensor([False, False, True])


@pytest.mark.parametrize("coefficients", [(1.5, -1.0, 0.4), (0.0, 0.0, 0.0), (-2.0, 0.5, 0.8)])
def test_pose_and_shape_together(smile, coefficients):
    points, basis, spread, bounded = smile
    truth, weights = camera(8, 25, -5), torch.tensor(coefficients)
    body = points + torch.tensordot(weights, basis, 1)
    image = truth.project(body[None])[0, :, :2]
    found = face_from_points(points, image, SIZE, basis, spread, bounded)
    assert error_deg(found.camera, truth) < 1.5
    assert torch.allclose(found.coefficients, weights, atol=0.35)
    shape = points + torch.tensordot(found.coefficients, basis, 1)
    assert float((found.camera.project(shape[None])[0, :, :2] - image).norm(dim=1).mean()) < 0.5
    rigid = pose_from_points(points, image, SIZE)
    if any(coefficients):
        assert error_deg(found.camera, truth) < error_deg(rigid, truth) + 0.2


def test_a_blendshape_stays_between_nothing_and_all(smile):
    points, basis, spread, bounded = smile
    for weight in (-0.6, 1.7):
        body = points + weight * basis[2]
        image = camera(0, 10, 0).project(body[None])[0, :, :2]
        found = face_from_points(points, image, SIZE, basis, spread, bounded).coefficients
        assert float(found[2]) == pytest.approx(min(max(weight, 0), 1), abs=0.02)
        free = face_from_points(points, image, SIZE, basis, spread, torch.zeros(3).bool())
        assert float(free.coefficients[2]) == pytest.approx(weight, abs=0.25)
