"""Coefficients and cameras off UV maps: bounded fits, weak perspective and perspective."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle
from selfie3d.models.sadrnet.decoder import INDEPENDENT, BoundedVertexFit, UvDecoder
from selfie3d.models.sadrnet.layout import UvLayout, UvSpec
from selfie3d.models.sadrnet.network import UvPrediction
from selfie3d.models.sadrnet.self_alignment import VertexFit

SIDE = 128


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def truth(model):
    """Two faces at 55 and 160 cm, whose expressions lie in the box."""
    g = torch.Generator().manual_seed(0)
    coefficients = model.zero_coefficients(2)
    coefficients.identity.copy_(torch.randn(coefficients.identity.shape, generator=g))
    coefficients.expression[:, [3, 20, 40]] = torch.tensor([0.7, 0.3, 0.5])
    rotation = euler_to_matrix(torch.tensor([[0.1, 0.5, -0.2], [-0.2, -0.8, 0.4]]))
    distance = torch.tensor([550.0, 1600.0])
    zero = torch.zeros(2)
    away = torch.stack([zero, zero, -distance], -1) - rotation @ torch.tensor(PIVOT_MM)
    camera = PerspectiveCamera(rotation, away, 0.6 * distance, torch.full((2, 2), SIDE / 2))
    return coefficients, camera


@pytest.fixture(scope="module")
def decoders(model):
    return {
        kind: UvDecoder(UvSpec("default", SIDE, SIDE, camera=kind), model)
        for kind in ("weak", "perspective")
    }


@pytest.fixture(scope="module")
def maps(model, truth, decoders):
    coefficients, camera = truth
    encoded = decoders["weak"].layout.encode(model.vertices(coefficients), camera)
    return UvPrediction(*encoded, torch.ones(2, 1, 16, 16), None)


def pixels(model, faces, chart):
    return faces.camera.project(model.vertices(faces.coefficients))[:, chart, :2]


def test_a_perspective_camera_sees_what_a_near_camera_saw(model, truth, decoders, maps):
    coefficients, camera = truth
    chart = decoders["weak"].layout.in_chart
    known = camera.project(model.vertices(coefficients))[:, chart, :2]
    error = {
        kind: (pixels(model, decoder(maps), chart) - known).norm(dim=-1).mean(1)
        for kind, decoder in decoders.items()
    }
    assert error["perspective"].max() < 0.4  # of 128 pixels
    assert error["weak"][0] > 3 * error["perspective"][0]  # 55 cm
    assert error["weak"][1] > error["perspective"][1]
    found = decoders["perspective"](maps).camera
    assert isinstance(found, PerspectiveCamera)
    assert torch.rad2deg(geodesic_angle(found.rotation, camera.rotation)).max() < 0.5


def test_coefficients_stay_in_their_box(model, truth, decoders, maps):
    found = decoders["perspective"](maps).coefficients
    assert found.expression.min() >= 0
    assert found.expression.max() <= 1
    assert torch.corrcoef(torch.stack([found.identity[0, :20], truth[0].identity[0, :20]]))[
        0, 1
    ] > 0.9  # fmt: skip
    assert (found.expression[:, 3] - 0.7).abs().max() < 0.35


def test_the_fit_is_scipys(model):
    """Bounded least squares with the priors as rows, on a few vertices."""
    g = torch.Generator().manual_seed(1)
    chosen = torch.zeros(len(model.mean), dtype=torch.bool)
    chosen[torch.randperm(len(model.mean), generator=g)[:120]] = True
    vertices = model.mean + 4 * torch.randn(1, *model.mean.shape, generator=g)
    found = BoundedVertexFit(model, chosen)(vertices)
    basis = torch.cat([model.identity, model.expression])[:, chosen].flatten(1).double().numpy()
    root = np.sqrt(INDEPENDENT / 120)
    units = np.r_[np.ones(120), np.full(52, 0.3)]
    matrix = np.r_[root * basis.T, np.diag(1 / units)]
    offset = (vertices - model.mean)[0, chosen].flatten().double().numpy()
    bounds = np.r_[np.full(120, -np.inf), np.zeros(52)], np.r_[np.full(120, np.inf), np.ones(52)]
    expected = lsq_linear(matrix, np.r_[root * offset, np.zeros(172)], bounds, tol=1e-13).x
    values = torch.cat([found.identity, found.expression], 1)[0].numpy()
    np.testing.assert_allclose(values, expected, atol=2e-3)
    assert (values[120:] == 0).any()


def test_both_fits_agree_where_no_bound_holds(model):
    chart = model.region("face")
    coefficients = model.zero_coefficients(1)
    coefficients.identity[0, :5] = torch.tensor([1.0, -2, 0.5, 1, -1])
    coefficients.expression.fill_(0.4)
    vertices = model.vertices(coefficients)
    free, held = VertexFit(model, chart)(vertices), BoundedVertexFit(model, chart)(vertices)
    inside = (free.expression > 0) & (free.expression < 1)
    if bool(inside.all()):
        assert torch.allclose(free.expression, held.expression, atol=1e-3)
    gap = model.vertices(free) - model.vertices(held)
    assert gap[:, chart].norm(dim=-1).mean() < 0.2  # mm


def test_gradients_reach_the_maps(model, decoders, maps):
    leaves = [m.clone().requires_grad_() for m in (maps.position, maps.deformation)]
    faces = decoders["perspective"](UvPrediction(*leaves, None, None))
    c = faces.coefficients
    value = c.identity.square().sum() + c.expression.sum() + faces.camera.focal.sum()
    value.backward()
    for leaf in leaves:
        assert torch.isfinite(leaf.grad).all()
        assert leaf.grad.abs().sum() > 0


def test_a_new_network_gives_finite_faces(decoders):
    zero = torch.zeros(1, 3, SIDE, SIDE)
    for decoder in decoders.values():
        leaves = [zero.clone().requires_grad_() for _ in range(2)]
        faces = decoder.layout.decode(UvPrediction(*leaves, None, None))
        seen = faces.camera.project(faces.vertices)
        assert torch.isfinite(seen).all()
        seen.square().mean().backward()
        assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)


def test_the_geometry_map_is_what_the_camera_sees(model, truth, decoders, maps):
    layout = decoders["perspective"].layout
    camera = layout.decode(maps).camera
    geometry = layout.geometry_map(maps.deformation, camera)
    mask = layout.mapper.mask
    gap = (geometry - maps.position)[..., mask].norm(dim=1) * layout.position_unit
    assert gap.mean() < 0.3  # pixels


def test_wrong_cameras_are_named(model):
    with pytest.raises(InputError, match="orthographic"):
        UvLayout(UvSpec("default", SIDE, SIDE, camera="orthographic"), model)
