"""Lips: how far the model's are apart, and faces whose lips are known to touch."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.lip_columns import PLACES, LipColumns, LipEvidence
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh
from selfie3d.geometry.point_solver import PointSolver, SolverConfig
from selfie3d.geometry.point_view import PIVOT_MM


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def columns(model):
    found = LipColumns.of(model)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def solver(model, columns):
    layout = make_layout(model, 184)
    return PointSolver(PointBasis.of(model, layout), SolverConfig(noise=1.0), columns)


def expression(model, **weights):
    values = torch.zeros(1, model.sizes[1])
    for name, weight in weights.items():
        values[0, model.expression_names.index(name)] = weight
    return values


def seen(solver, identity, weights):
    """The points of a face 700 mm away, 100 mm of which are the crop's half side."""
    points = solver.basis.points(identity, weights)
    away = torch.tensor([[0.0, 0.0, -700.0]]) - torch.tensor(PIVOT_MM)
    camera = PerspectiveCamera(torch.eye(3)[None], away, torch.tensor([7.0]), torch.zeros(1, 2))
    return camera.project(points), torch.full(points.shape[:2], 0.01)


def test_everybodys_lips_touch_at_rest(model, columns):
    g = torch.Generator().manual_seed(0)
    identity = torch.randn(200, model.sizes[0], generator=g)
    openings = columns.openings(identity, torch.zeros(200, model.sizes[1]))
    assert openings.shape == (200, len(PLACES))
    assert float(openings.max()) < 0.3
    assert float(columns.touching.max()) < 0 < float((columns.touching + 1).min())


def test_the_jaw_opens_them_and_the_two_sides_agree(model, columns):
    none = torch.zeros(1, model.sizes[0])
    opening = columns.openings(none, expression(model, jawOpen=1.0))[0]
    middle = len(PLACES) // 2
    assert opening[middle] > 25
    assert (opening[:middle].diff() > 0).all()
    torch.testing.assert_close(opening, opening.flip(0), atol=0.05, rtol=0)
    closed = columns.openings(none, expression(model, jawOpen=1.0, mouthClose=1.0))[0]
    assert float(closed.max()) < 0.6


def test_openings_are_those_of_the_mesh(model, columns):
    """The lowest and highest vertex of each column of a mesh that the model makes."""
    g = torch.Generator().manual_seed(1)
    coefficients = model.zero_coefficients()
    coefficients.identity[:] = torch.randn(1, model.sizes[0], generator=g)
    coefficients.expression[:] = expression(model, jawOpen=0.3, mouthSmileLeft=0.5)
    x, y = model.mean[:, 0], model.vertices(coefficients)[0, :, 1]
    fall = -model.expression[model.expression_names.index("jawOpen"), :, 1]
    reach = float(model.landmark_points(model.mean[None])[0, 64, 0])
    here = model.regions["lips"] & (x.abs() < 0.075 * reach)
    lower = fall > 0.3 * fall[model.regions["lips"]].max()
    expected = y[here & ~lower].min() - y[here & lower].max()
    found = columns.openings(coefficients.identity, coefficients.expression)
    torch.testing.assert_close(found[0, len(PLACES) // 2], expected, atol=1e-4, rtol=0)


def test_derivatives_are_those_of_the_openings(model, columns):
    values = torch.cat([torch.zeros(1, model.sizes[0]), expression(model, jawOpen=0.4)], 1)
    opening, rows = columns.linearised(values)
    step = 1e-2 * torch.randn(1, values.shape[1], generator=torch.Generator().manual_seed(2))
    moved = columns.linearised(values + step)[0]
    torch.testing.assert_close(moved - opening, (rows @ step[0]), atol=0.05, rtol=0.1)


def test_a_model_without_lips_has_no_columns(model):
    bare = FaceModel.from_arrays(
        ModelFacts("bare"), ModelMesh(model.mean, model.faces), landmarks=model.landmarks
    )
    assert LipColumns.of(bare) is None


@pytest.mark.parametrize("jaw", [0.02, 0.08, 0.2])
def test_lips_that_are_known_to_touch_do(model, solver, columns, jaw):
    """Points say that the mouth is open by as much as networks err; the lips are known to touch."""
    points, sigma = seen(solver, torch.zeros(1, model.sizes[0]), expression(model, jawOpen=jaw))
    openly = solver(points, sigma)
    known = LipEvidence(columns.touching[None], torch.full((1, len(PLACES)), 0.15))
    found = solver(points, sigma, lips=known)
    before = columns.openings(openly.identity, openly.expression)
    after = columns.openings(found.identity, found.expression)
    assert float(after.max()) < 0.2 and float(after.min()) > -1.5
    assert float(before.max()) > float(after.max())
    chin = (found.points - openly.points)[0, :17].norm(dim=-1)
    assert float(chin.max()) < 0.1  # tenths of a half side: the jaw stays where it was seen


def test_a_known_opening_is_reached(model, solver, columns):
    points, sigma = seen(solver, torch.zeros(1, model.sizes[0]), expression(model, jawOpen=0.2))
    middle = len(PLACES) // 2
    error = torch.full((1, len(PLACES)), torch.inf)
    error[0, middle] = 0.1
    found = solver(points, sigma, lips=LipEvidence(torch.full((1, len(PLACES)), 11.0), error))
    assert abs(float(columns.openings(found.identity, found.expression)[0, middle]) - 11) < 0.5


def test_where_nothing_is_known_nothing_changes(model, solver):
    points, sigma = seen(solver, torch.zeros(1, model.sizes[0]), expression(model, jawOpen=0.2))
    unknown = LipEvidence(torch.zeros(1, len(PLACES)), torch.full((1, len(PLACES)), torch.inf))
    found, expected = solver(points, sigma, lips=unknown), solver(points, sigma)
    torch.testing.assert_close(found.points, expected.points, atol=1e-3, rtol=0)


def test_a_solver_without_lips_takes_no_evidence(model, solver):
    points, sigma = seen(solver, torch.zeros(1, model.sizes[0]), expression(model))
    known = LipEvidence(torch.zeros(1, len(PLACES)), torch.ones(1, len(PLACES)))
    with pytest.raises(InputError, match="lips"):
        PointSolver(solver.basis)(points, sigma, lips=known)


def test_placing_finds_scale_and_turn(model, solver):
    points, sigma = seen(solver, torch.zeros(1, model.sizes[0]), expression(model))
    camera = solver.placed(points, sigma).camera
    torch.testing.assert_close(camera.rotation[0], torch.eye(3), atol=0.02, rtol=0)
    scale = camera.focal / -camera.translation[:, 2]
    assert abs(float(scale) / (7 / 700) - 1) < 0.15
