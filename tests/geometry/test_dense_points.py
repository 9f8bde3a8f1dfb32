"""Points of the model, their mirror images, and the mirror of coefficients."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficient_mirror import CoefficientMirror
from selfie3d.geometry.coefficients import (
    Coefficients,
    coefficients_to_vector,
    vector_to_coefficients,
)
from selfie3d.geometry.dense_points import PointBasis, PointLayout, make_layout, points_of
from selfie3d.geometry.sh import shade

FLIP = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def layout(model):
    return make_layout(model, 60)


def some_coefficients(model, batch: int = 3) -> Coefficients:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    ki, ke, ka = model.sizes
    expression = torch.rand(batch, ke, generator=generator)
    return Coefficients(normal(batch, ki), expression, normal(batch, ka), normal(batch, 9, 3))


def test_basis_gives_the_points_of_the_whole_mesh(model, layout):
    c = some_coefficients(model)
    whole = points_of(model, layout, model.vertices(c))
    restricted = PointBasis.of(model, layout).points(c.identity, c.expression)
    torch.testing.assert_close(restricted, whole, atol=1e-3, rtol=0)


def test_vertices_are_skin_and_spread_out(model, layout):
    vertices = torch.tensor(layout.vertices)
    assert len(set(layout.vertices)) == len(vertices) >= 60
    hidden = model.region("mouth") | model.region("left_eye") | model.region("right_eye")
    assert not bool(hidden[vertices].any())
    apart = torch.cdist(model.mean[vertices], model.mean[vertices])
    apart.fill_diagonal_(torch.inf)
    assert float(apart.min()) > 5  # mm: an even spread of sixty points over a head


def test_permutation_mirrors_the_mean_face(model, layout):
    mean = PointBasis.of(model, layout).mean
    order = layout.permutation
    torch.testing.assert_close(mean[order] * FLIP, mean, atol=1e-4, rtol=0)
    assert torch.equal(order[order], torch.arange(len(layout)))


def test_mirrored_coefficients_make_the_mirrored_mesh(model):
    c = some_coefficients(model)
    mirrored = CoefficientMirror.of(model)(c)
    expected = model.vertices(c)[:, model.mirror] * FLIP
    torch.testing.assert_close(model.vertices(mirrored), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(
        model.albedo(mirrored), model.albedo(c)[:, model.mirror], atol=2e-4, rtol=0
    )


def test_mirrored_light_shades_mirrored_normals_alike(model):
    c = some_coefficients(model)
    normals = torch.nn.functional.normalize(torch.randn(3, 50, 3), dim=-1)
    mirrored = CoefficientMirror.of(model)(c)
    torch.testing.assert_close(
        shade(normals * FLIP, mirrored.light), shade(normals, c.light), atol=1e-4, rtol=1e-5
    )


def test_vector_and_back(model):
    c = some_coefficients(model)
    vector = coefficients_to_vector(c)
    back = vector_to_coefficients(vector, model.sizes)
    for name in ("identity", "expression", "albedo", "light"):
        torch.testing.assert_close(getattr(back, name), getattr(c, name))
    with pytest.raises(InputError, match="vector"):
        vector_to_coefficients(vector[:, 1:], model.sizes)


def test_a_layout_of_another_model_is_refused(model, layout):
    other = PointLayout("another", layout.landmark_sets, layout.vertices, layout.mirror)
    with pytest.raises(InputError, match="another"):
        PointBasis.of(model, other)
    with pytest.raises(InputError, match="fan"):
        layout.landmarks("fan")
