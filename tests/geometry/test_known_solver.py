"""Pose and expression of somebody who is known."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.known_solver import KnownIdentitySolver
from selfie3d.geometry.lip_columns import LipColumns, LipEvidence
from selfie3d.geometry.point_solver import CoefficientPrior, PointSolver, SolverConfig
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle

EXACT = SolverConfig(steps=4, curvatures=3, noise=0.05)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def basis(model):
    return PointBasis.of(model, make_layout(model, 120))


@pytest.fixture(scope="module")
def seen(basis):
    """One person twice: identity, expression, camera, points and errors."""
    g = torch.Generator().manual_seed(1)
    identity = torch.zeros(1, len(basis.identity))
    identity[:, :120] = torch.randn(1, 120, generator=g)
    expression = torch.rand(2, len(basis.expression), generator=g)
    expression *= torch.rand(expression.shape, generator=g) < 0.1
    rotation = euler_to_matrix(torch.tensor([[0.2, 0.5, -0.1], [-0.1, -0.9, 0.3]]))
    away = torch.tensor([[0.0, 0, -900], [0.0, 0, -1300]]) - rotation @ torch.tensor(PIVOT_MM)
    camera = PerspectiveCamera(rotation, away, torch.tensor([8.0, 12]), torch.zeros(2, 2))
    points = camera.project(basis.points(identity.expand(2, -1), expression))
    return identity, expression, camera, points, torch.full(points.shape[:2], 0.01)


def test_exact_points_give_expression_and_pose_back(basis, seen):
    identity, expression, camera, points, errors = seen
    found = KnownIdentitySolver(basis, identity, EXACT)(points, errors)
    moving = basis.expression.flatten(1).abs().amax(1) > 0
    assert float((found.expression - expression)[:, moving].abs().max()) < 0.02
    assert float(geodesic_angle(found.camera.rotation, camera.rotation).max()) < 2e-3
    assert torch.equal(found.identity, identity.expand(2, -1))
    assert float((found.points - points).abs().max()) < 1e-3


def test_it_is_the_whole_solve_with_an_identity_that_is_sure(basis, seen):
    """The other solver, told the identity by a prior that nothing moves."""
    identity, _, _, points, errors = seen
    points = points + 0.01 * torch.randn(points.shape, generator=torch.Generator().manual_seed(2))
    config = SolverConfig(steps=12, curvatures=12)
    whole, known = PointSolver(basis, config), KnownIdentitySolver(basis, identity, config)
    mean = torch.zeros(2, len(whole.columns))
    mean[:, :120] = identity[:, :120]
    precision = torch.full((len(whole.columns),), 1e7)
    precision[120:] = whole._prior.precision[120:]
    one = whole(points, errors, CoefficientPrior(mean, precision))
    other = known(points, errors)
    assert len(known.columns) == len(whole.columns) - 120
    assert float((one.points - other.points).abs().max()) < 2e-3
    assert float((one.expression - other.expression).abs().max()) < 0.01


def test_lips_are_those_of_the_person(model, basis, seen):
    identity, expression, _, points, errors = seen
    lips = LipColumns.of(model)
    opening = lips.openings(identity.expand(2, -1), expression) + 2.0
    evidence = LipEvidence(opening, torch.full_like(opening, 0.05))
    solver = KnownIdentitySolver(basis, identity, SolverConfig(), lips)
    found = solver(points, errors, lips=evidence)
    reached = lips.openings(found.identity, found.expression)
    without = lips.openings(found.identity, solver(points, errors).expression)
    assert float((reached - opening).abs().mean()) < 0.5 < float((without - opening).abs().mean())


def test_one_identity_only(basis):
    with pytest.raises(InputError, match="identity"):
        KnownIdentitySolver(basis, torch.zeros(2, len(basis.identity)))
