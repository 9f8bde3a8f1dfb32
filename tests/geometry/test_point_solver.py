"""Faces recovered from their dense points."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.point_solver import CoefficientPrior, PointSolver, SolverConfig
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle

COUNT = 24
EXACT = SolverConfig(steps=4, curvatures=3, noise=0.05)


@pytest.fixture(scope="module")
def basis():
    model = load_face_model("default")
    return PointBasis.of(model, make_layout(model, 184))


@pytest.fixture(scope="module")
def faces(basis):
    """Identity, expression, camera and points of random faces up to profile."""
    g = torch.Generator().manual_seed(3)
    identity = torch.zeros(COUNT, len(basis.identity))
    identity[:, :80] = torch.randn(COUNT, 80, generator=g)
    expression = torch.rand(COUNT, len(basis.expression), generator=g)
    expression *= torch.rand(expression.shape, generator=g) < 0.1
    turn = (2 * torch.rand(COUNT, 3, generator=g) - 1) * torch.tensor([0.5, 1.5, 0.6])
    rotation = euler_to_matrix(turn)
    distance = 500 + 1500 * torch.rand(COUNT, generator=g)
    away = torch.stack([torch.zeros(COUNT), torch.zeros(COUNT), -distance], -1)
    camera = PerspectiveCamera(
        rotation,
        away - rotation @ torch.tensor(PIVOT_MM),
        distance / 110,
        torch.randn(COUNT, 2, generator=g) * 0.1,
    )
    points = camera.project(basis.points(identity, expression))
    return identity, expression, camera, points


def sigma(value: float, points: torch.Tensor) -> torch.Tensor:
    return torch.full(points.shape[:2], value)


def test_exact_points_give_the_face_back(basis, faces):
    identity, expression, camera, points = faces
    found = PointSolver(basis, EXACT)(points, sigma(0.01, points))
    assert float((found.points - points).norm(dim=-1).mean()) < 2e-4  # 0.01 pixel of a 96 px crop
    assert float((found.identity - identity)[:, :80].square().mean().sqrt()) < 0.05
    moving = basis.expression.flatten(1).abs().amax(1) > 0
    assert float((found.expression - expression)[:, moving].abs().mean()) < 0.01
    assert float(geodesic_angle(found.camera.rotation, camera.rotation).max()) < 0.01
    distance = (found.camera.translation - camera.translation).norm(dim=-1)
    assert float((distance / camera.translation[:, 2].abs()).max()) < 0.02


def test_points_are_those_of_the_coefficients_and_camera(basis, faces):
    points = faces[3]
    found = PointSolver(basis)(points, sigma(0.02, points))
    through = found.camera.project(basis.points(found.identity, found.expression))
    torch.testing.assert_close(found.points, through)


def test_confidences_help(basis, faces):
    points = faces[3]
    g = torch.Generator().manual_seed(0)
    size = 0.004 + 0.04 * torch.rand(points.shape[:2], generator=g)
    noisy = points + torch.randn(points.shape, generator=g) * size[..., None]
    solver = PointSolver(basis, SolverConfig(noise=1.0))
    weighted = solver(noisy, size).points
    equal = solver(noisy, size.mean(1, keepdim=True).expand_as(size)).points

    def error(found: torch.Tensor) -> float:
        return float((found - points)[..., :2].norm(dim=-1).mean())

    given = float((noisy - points)[..., :2].norm(dim=-1).mean())
    assert error(weighted) < 0.8 * error(equal) < 0.5 * given


def test_expressions_stay_in_their_range(basis, faces):
    points = faces[3]
    noisy = points + 0.05 * torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
    found = PointSolver(basis)(noisy, sigma(0.01, points))
    assert float(found.expression.min()) >= 0
    assert float(found.expression.max()) <= 1


def test_without_information_the_prior_remains(basis, faces):
    points = faces[3]
    solver = PointSolver(basis, SolverConfig(noise=1e5))
    mean = torch.zeros(COUNT, len(solver.columns))
    mean[:, 0] = 1.5
    prior = CoefficientPrior(mean, torch.full((len(solver.columns),), 4.0))
    found = solver(points, sigma(0.01, points), prior)
    torch.testing.assert_close(found.identity[:, 0], torch.full((COUNT,), 1.5), atol=0.02, rtol=0)
    assert float(found.identity[:, 1:].abs().max()) < 0.05


def test_a_face_alone_is_solved_as_in_a_batch(basis, faces):
    points = faces[3]
    solver = PointSolver(basis)
    together = solver(points, sigma(0.01, points)).points
    alone = solver(points[5:6], sigma(0.01, points[5:6])).points
    torch.testing.assert_close(alone[0], together[5], atol=1e-3, rtol=0)


def test_few_steps_are_enough(basis, faces):
    points = faces[3]
    usual = PointSolver(basis)(points, sigma(0.01, points))
    long = PointSolver(basis, SolverConfig(steps=20, curvatures=20))(points, sigma(0.01, points))
    assert float((usual.points - long.points).norm(dim=-1).mean()) < 1e-3
    turn = geodesic_angle(usual.camera.rotation, long.camera.rotation)
    assert float(turn.max()) < math.radians(1.0)


def test_shapes_are_checked(basis, faces):
    points = faces[3]
    with pytest.raises(InputError, match="points"):
        PointSolver(basis)(points[:, 1:], sigma(0.01, points))
    with pytest.raises(InputError, match="sigma"):
        PointSolver(basis)(points, sigma(0.01, points)[:, 1:])


def test_gradients_are_those_of_the_solution(basis, faces):
    """Against central differences of the solver run to convergence, in float64."""
    _, _, _, points = faces
    exact = PointBasis(*(value.double() for value in vars(basis).values()))
    solver = PointSolver(exact, SolverConfig(steps=60, curvatures=60))
    torch.set_default_dtype(torch.float64)
    try:
        given = points[2:4].double() + 0.005 * torch.randn(
            points[2:4].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64
        )
        error = sigma(0.01, given).double()
        some = torch.randn(given.shape, generator=torch.Generator().manual_seed(1)).double()

        def value(moved):
            found = solver.differentiable(moved, error)
            shape = found.identity[:, :10].sum() + found.expression.sum()
            return shape + found.camera.rotation.sum() + 10 * found.points.square().sum()

        asked = given.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(value(asked), asked)
        step = 1e-6  # no expression reaches or leaves a bound within it
        with torch.no_grad():
            numeric = (value(given + step * some) - value(given - step * some)) / (2 * step)
        assert float((gradient * some).sum()) == pytest.approx(float(numeric), rel=0.03)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_differentiable_solution_is_the_same_solution(basis, faces):
    _, _, _, points = faces
    solver = PointSolver(basis)
    plain = solver(points, sigma(0.01, points))
    same = solver.differentiable(points, sigma(0.01, points))
    assert float((plain.points - same.points).norm(dim=-1).mean()) < 5e-4  # half sides


def test_points_that_are_no_numbers_spoil_their_own_face_alone(basis, faces):
    _, _, _, points = faces
    given = points[:2].clone()
    given[1, 3] = torch.nan
    found = PointSolver(basis)(given, sigma(0.01, given))
    assert bool(found.points[0].isfinite().all())
    assert bool(found.points[1].isnan().any())
