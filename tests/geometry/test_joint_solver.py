"""Several pictures of one person are solved as one identity."""

from __future__ import annotations

import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.joint_solver import JointSolver
from selfie3d.geometry.lip_columns import PLACES, LipColumns, LipEvidence
from selfie3d.geometry.point_solver import PointSolver, SolverConfig
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle

VIEWS = 5
EXACT = SolverConfig(steps=5, curvatures=4, noise=0.05)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def basis(model):
    return PointBasis.of(model, make_layout(model, 184))


@pytest.fixture(scope="module")
def person(basis):
    """Identity (1,Ki), expressions, camera and points of several pictures of somebody."""
    g = torch.Generator().manual_seed(5)
    identity = torch.zeros(1, len(basis.identity))
    identity[:, :60] = torch.randn(1, 60, generator=g)
    expression = torch.rand(VIEWS, len(basis.expression), generator=g)
    expression *= torch.rand(expression.shape, generator=g) < 0.1
    turn = (2 * torch.rand(VIEWS, 3, generator=g) - 1) * torch.tensor([0.3, 0.8, 0.3])
    rotation = euler_to_matrix(turn)
    distance = 500 + 1500 * torch.rand(VIEWS, generator=g)
    away = torch.stack([torch.zeros(VIEWS), torch.zeros(VIEWS), -distance], -1)
    camera = PerspectiveCamera(
        rotation, away - rotation @ torch.tensor(PIVOT_MM), distance / 110, torch.zeros(VIEWS, 2)
    )
    points = camera.project(basis.points(identity.expand(VIEWS, -1), expression))
    return identity, expression, camera, points


def sigma(points, value=0.01):
    return torch.full(points.shape[:2], value)


def test_exact_points_give_the_person_back(basis, person):
    identity, _, camera, points = person
    found = JointSolver(basis, EXACT)(points, sigma(points))
    assert torch.equal(found.identity, found.identity[:1].expand(VIEWS, -1))
    assert float((found.identity[:1] - identity)[:, :60].square().mean().sqrt()) < 0.1
    assert float(geodesic_angle(found.camera.rotation, camera.rotation).max()) < 0.02
    assert float((found.points - points).norm(dim=-1).mean()) < 1e-3


def test_one_picture_alone_is_what_the_single_solver_makes_of_it(basis, person):
    points = person[3][:1]
    joint, single = (
        JointSolver(basis)(points, sigma(points)),
        PointSolver(basis)(points, sigma(points)),
    )
    torch.testing.assert_close(joint.points, single.points, atol=2e-4, rtol=0)
    torch.testing.assert_close(joint.identity, single.identity, atol=2e-3, rtol=0)


def test_the_same_picture_twice_is_as_good_as_half_the_noise_in_it(basis, person):
    """Evidence adds up: two equal pictures weigh as one whose variance is half."""
    points = person[3][:1]
    twice = points.expand(2, -1, -1)
    joint = JointSolver(basis, SolverConfig(floor=0, expression_spread=1e-3))
    single = PointSolver(basis, SolverConfig(floor=0, expression_spread=1e-3))
    found = joint(twice, sigma(twice, 0.02)).identity[:1]
    expected = single(points, sigma(points, 0.02 / 2**0.5)).identity
    other = single(points, sigma(points, 0.02)).identity
    assert float((found - expected).norm()) < 0.2 * float((other - expected).norm())


def test_independent_noise_averages_out(basis, person):
    """The shape of five noisy pictures together is nearer than the mean of five shapes."""
    identity, _, _, points = person
    g = torch.Generator().manual_seed(6)
    noisy = points + 0.03 * torch.randn(points.shape, generator=g)
    settings = SolverConfig(noise=1.0)
    joint = JointSolver(basis, settings)(noisy, sigma(points, 0.03)).identity[:1]
    single = PointSolver(basis, settings)(noisy, sigma(points, 0.03)).identity

    def off(found):
        return float(
            torch.einsum("bk,knc->bnc", found - identity, basis.identity).norm(dim=2).mean()
        )

    each = sum(off(one[None]) for one in single) / VIEWS
    assert off(joint) < off(single.mean(0, keepdim=True)) < each


def test_a_picture_without_numbers_spoils_no_other(basis, person):
    points = person[3].clone()
    whole = JointSolver(basis)(points[1:], sigma(points[1:]))
    points[0] = torch.nan
    found = JointSolver(basis)(points, sigma(points))
    assert bool(found.identity[0].isnan().all())
    assert bool(found.identity[1:].isfinite().all())
    moved = torch.einsum("bk,knc->bnc", (found.identity[1:] - whole.identity), basis.identity)
    assert float(moved.norm(dim=2).mean()) < 0.3  # mm


def test_each_picture_keeps_its_own_lips(basis, model, person):
    points, columns = person[3], LipColumns.of(model)
    opening = torch.full((VIEWS, len(PLACES)), 0.0)
    opening[:] = columns.touching
    opening[1] = 8.0
    known = LipEvidence(opening, torch.full_like(opening, 0.1))
    known.error[1, [0, 1, 2, 4, 5, 6]] = torch.inf
    solver = JointSolver(basis, SolverConfig(noise=4.0), columns)
    found = solver(points, sigma(points), lips=known)
    after = columns.openings(found.identity, found.expression)
    assert abs(float(after[1, 3]) - 8) < 1
    assert float(after[[0, 2, 3, 4]].max()) < 0.4
