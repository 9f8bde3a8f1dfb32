"""Cameras of another kind: the nearest one that a parameter layout can say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix, rotvec_to_matrix
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.heads.nearest_camera import to_perspective, to_weak_perspective

F64 = torch.float64


@pytest.fixture(scope="module")
def face_model():
    return load_face_model("default")


def truth(batch=4, seed=6):
    """Cameras as crops of photographs have them: the axis does not go through the face."""
    g = torch.manual_seed(seed)
    rotation = euler_to_matrix(0.5 * torch.randn(batch, 3, dtype=F64, generator=g))
    distance = 500 + 300 * torch.rand(batch, dtype=F64, generator=g)
    off = 60 * torch.randn(batch, 2, dtype=F64, generator=g)
    center = 60 + 100 * torch.randn(batch, 2, dtype=F64, generator=g)
    place = torch.cat([off, -distance[:, None]], 1)
    return PerspectiveCamera(rotation, place, 0.6 * distance, center)


def misfit(one, other, points):
    """Root mean square distance in pixels (B,)."""
    gap = (one.project(points) - other.project(points))[..., :2]
    return gap.square().sum(-1).mean(1).sqrt()


def best_misfit(camera, start, points):
    """Of a general optimiser over rotation, distance and place, from a camera on."""

    def moved(p):
        rotation = rotvec_to_matrix(torch.from_numpy(p[None, :3])) @ start.rotation
        shift = torch.from_numpy(np.r_[p[4:], 0.0])
        place = start.translation * np.exp(p[3]) + shift
        return PerspectiveCamera(rotation, place, start.focal, start.center)

    def residual(p):
        return (moved(p).project(points) - camera.project(points))[..., :2].flatten().numpy()

    return float(misfit(moved(least_squares(residual, np.zeros(6)).x), camera, points))


def rows(camera, k):
    return type(camera)(*(value[k : k + 1] for value in vars(camera).values()))


def test_nearest_cameras_keep_pixel_and_scale_at_the_pivot(face_model):
    """And the rest of the face nearly as well as an optimiser; without the turn, far worse."""
    camera, pivot = truth(), torch.tensor([0.0, -40.0, -6.0])
    points = face_model.landmark_points(face_model.mean[None])[0].to(F64).expand(4, -1, -1)
    at = pivot.to(F64).expand(4, 1, 3)
    other = to_perspective(camera, 543.0, (60.0, 60.0), pivot)
    assert misfit(camera, other, at).max() < 1e-9
    assert misfit(camera, to_weak_perspective(camera, pivot), at).max() < 1e-9
    own = misfit(camera, other, points)
    for k in range(4):
        best = best_misfit(rows(camera, k), rows(other, k), points[:1])
        assert own[k] < 2 * best + 0.1
    straight = other.to_camera(at)[:, 0] - (camera.rotation @ at[..., None][:, 0])[..., 0]
    naive = PerspectiveCamera(camera.rotation, straight, other.focal, other.center)
    assert misfit(camera, naive, at).max() < 1e-9
    assert bool((misfit(camera, naive, points) > 2 * own).all())


def test_cameras_of_the_kind_come_back_as_they_were():
    camera, pivot = truth(), torch.tensor([3.0, -40.0, -6.0])
    same = to_perspective(camera, 400.0, (10.0, 20.0), pivot)
    again = to_perspective(same, 400.0, (10.0, 20.0), torch.tensor([9.0, 1.0, 2.0]))
    assert torch.allclose(again.rotation, same.rotation, atol=1e-12)
    assert torch.allclose(again.translation, same.translation, atol=1e-9)
    weak = to_weak_perspective(camera, pivot)
    assert to_weak_perspective(weak, pivot) is weak


def test_a_weak_camera_becomes_a_distant_one(face_model):
    weak = WeakPerspectiveCamera(
        truth().rotation, torch.full((4,), 0.6, dtype=F64), torch.full((4, 2), 60.0, dtype=F64)
    )
    points = face_model.mean.to(F64).expand(4, -1, -1)
    far = to_perspective(weak, 1e5, (60.0, 60.0), torch.zeros(3))
    assert misfit(weak, far, points).max() < 0.1


@pytest.mark.parametrize(
    ("name", "side"), [("3ddfa", 120), ("deep3d", 224), ("mobile_facernet", 64)]
)
def test_other_cameras_can_be_encoded(name, side, face_model):
    layout = make_layout(name, face_model, side)
    scale = side / 120
    matrix = torch.tensor([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
    zeros = face_model.zero_coefficients(4)
    faces = PosedFaces(zeros, truth().to_float().moved(matrix))
    again = layout.decode(layout.encode(faces))
    points = face_model.landmark_points(face_model.mean[None])[0].expand(4, -1, -1)
    assert misfit(faces.camera, again.camera, points).max() < 5 * scale  # of 83
