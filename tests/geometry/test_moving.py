"""What moves along when a face model moves; tests/recipes/test_elsewhere.py trains elsewhere."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.point_solver import PointSolver
from selfie3d.geometry.topology import check_faces


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def test_landmarks_and_regions_follow_the_model(model):
    before = model.landmark_points(model.mean[None])
    same = model.landmarks["ibug68"]
    assert model.to("cpu").landmarks["ibug68"] is same  # nothing to move, nothing made anew
    try:
        wide = model.double()
        assert {one.weights.dtype for one in wide.landmarks.values()} == {torch.float64}
        assert {one.vertices.dtype for one in wide.landmarks.values()} == {torch.int64}
        assert all(mask.dtype == torch.bool for mask in wide.regions.values())
        assert torch.allclose(wide.landmark_points(wide.mean[None]).float(), before, atol=1e-4)
    finally:
        model.float()


def test_a_solver_answers_in_its_points_frame_of_numbers(model):
    """Moving it to where it is changes nothing."""
    solver = PointSolver(PointBasis.of(model, make_layout(model, 20)))
    points = solver.basis.mean[None] / 100 * torch.tensor([1.0, -1.0, 1.0])
    sigma = torch.full(points.shape[:2], 0.01)
    before = solver(points, sigma)
    again = solver.to("cpu")(points, sigma)
    assert torch.equal(before.points, again.points)
    assert torch.equal(before.camera.rotation, again.camera.rotation)


def test_faces_are_looked_at_again_after_a_change():
    faces = torch.tensor([[0, 1, 2]])
    check_faces(faces, 3)
    check_faces(faces, 3)
    with pytest.raises(InputError, match=r"0\.\.1.*0\.\.2"):
        check_faces(faces, 2)
    faces[0, 2] = 7
    with pytest.raises(InputError, match=r"0\.\.7"):
        check_faces(faces, 3)
