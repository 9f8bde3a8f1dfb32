"""Points, faces and labels follow the picture into a crop and into its mirror image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.datasets.batches.collate import (
    after,
    mirror_matrix,
    mirrored_faces,
    moved_faces,
    moved_label,
    moved_points,
    moved_pose_para,
)
from selfie3d.datasets.photographs.aflw2000 import to_pixels
from selfie3d.datasets.photographs.aflw2000_fit import FittedBasis, points_of_fit
from selfie3d.datasets.photographs.landmark_sets import mirrored_points
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.coefficient_mirror import CoefficientMirror
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.euler import euler_to_matrix
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.sh import shade

ANGLE, SCALE = 0.35, 0.6
C, S = SCALE * np.cos(ANGLE), SCALE * np.sin(ANGLE)
MATRIX = torch.tensor([[C, -S, 20.0], [S, C, -15.0]], dtype=torch.float64)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def posed(model, kind: str) -> PosedFaces:
    generator = torch.Generator().manual_seed(5)
    ki, ke, ka = model.sizes
    coefficients = Coefficients(
        torch.randn(2, ki, generator=generator),
        torch.rand(2, ke, generator=generator) * 0.3,
        torch.randn(2, ka, generator=generator),
        torch.randn(2, 9, 3, generator=generator),
    )
    rotation = euler_to_matrix(torch.tensor([[0.1, 0.6, -0.2], [-0.3, -1.0, 0.4]]))
    if kind == "weak":
        camera = WeakPerspectiveCamera(
            rotation, torch.tensor([0.9, 1.1]), torch.tensor([[90.0, 80.0], [70.0, 60.0]])
        )
        return PosedFaces(coefficients, camera)
    away = torch.tensor([[5.0, -8, -700], [-20, 9, -900]])
    focal, centre = torch.tensor([800.0, 900]), torch.tensor([[90.0, 80.0], [70.0, 60.0]])
    return PosedFaces(coefficients, PerspectiveCamera(rotation, away, focal, centre))


def landmarks(model, faces: PosedFaces) -> torch.Tensor:
    points = model.landmark_points(model.vertices(faces.coefficients), "ibug68")
    return faces.camera.project(points)[..., :2]


@pytest.mark.parametrize("kind", ["weak", "perspective"])
def test_faces_move_with_their_points(model, kind):
    faces = posed(model, kind)
    moved = landmarks(model, moved_faces(faces, MATRIX))
    for own, new in zip(landmarks(model, faces), moved, strict=True):
        expected = moved_points(own.double().numpy(), MATRIX)
        np.testing.assert_allclose(new.numpy(), expected, atol=2e-2 if kind != "weak" else 1e-3)


@pytest.mark.parametrize("kind", ["weak", "perspective"])
def test_mirrored_faces_are_the_mirrored_points(model, kind):
    faces, mirror = posed(model, kind), CoefficientMirror.of(model)
    mirrored = landmarks(model, mirrored_faces(faces, mirror, 150))
    for own, new in zip(landmarks(model, faces), mirrored, strict=True):
        expected = mirrored_points("ibug68-3d", own.numpy(), 150)
        np.testing.assert_allclose(
            new.numpy(), expected, atol=0.3
        )  # the model is symmetric to 0.1 mm


def test_light_turns_with_the_picture(model):
    """A surface keeps its colour when the picture is turned, and its mirror image has it too."""
    faces = posed(model, "weak")
    normals = torch.nn.functional.normalize(torch.randn(2, 30, 3), dim=-1)
    own = shade(normals @ faces.camera.rotation.transpose(1, 2), faces.coefficients.light)
    moved = moved_faces(faces, MATRIX)
    turned = shade(normals @ moved.camera.rotation.transpose(1, 2), moved.coefficients.light)
    torch.testing.assert_close(turned, own, atol=1e-4, rtol=1e-4)
    flip = torch.tensor([-1.0, 1, 1])
    mirrored = mirrored_faces(faces, CoefficientMirror.of(model), 150)
    seen = (normals * flip) @ mirrored.camera.rotation.transpose(1, 2)
    again = shade(seen, mirrored.coefficients.light)
    torch.testing.assert_close(again, own, atol=1e-4, rtol=1e-4)


def test_pose_para_keeps_its_formula_in_the_crop():
    """The fitted points of the photograph, moved, are those of the moved parameters."""
    rng = np.random.default_rng(0)
    basis = FittedBasis(*(rng.normal(0, 5e4, (9, 3, *more)) for more in ((), (2,), (2,))))
    pose = np.array([-0.3, 0.9, 0.2, 230.0, 190.0, -70.0, 0.0012])
    own = points_of_fit(basis, pose, np.ones(2), expression=np.ones(2), height=450)
    in_crop = moved_points(to_pixels(own)[:, :2], MATRIX)
    moved = moved_pose_para(pose, MATRIX, height=450, size=120)
    found = points_of_fit(basis, moved, np.ones(2), expression=np.ones(2), height=120)
    np.testing.assert_allclose(to_pixels(found)[:, :2], in_crop, atol=1e-9)
    np.testing.assert_allclose(found[:, 2], SCALE * own[:, 2], atol=1e-9)


def test_labels_that_cannot_be_mirrored_are_unknown():
    kept = moved_label("shape_para", np.ones(4), MATRIX, height=450, size=120, mirrored=False)
    np.testing.assert_array_equal(kept, np.ones(4))
    for name in ("shape_para", "pose_para", "anything"):
        assert np.isnan(
            moved_label(name, np.ones(7), MATRIX, height=450, size=120, mirrored=True)
        ).all()
    assert (
        moved_label("identity", np.array([3.0]), MATRIX, height=450, size=120, mirrored=True) == 3
    )


def test_maps_are_applied_one_after_the_other():
    points = np.random.default_rng(1).uniform(0, 50, (6, 2))
    both = moved_points(moved_points(points, MATRIX), mirror_matrix(40))
    np.testing.assert_allclose(moved_points(points, after(mirror_matrix(40), MATRIX)), both)
