"""The costs of 3DDFA's parameters against slow loops of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import AffineCamera
from selfie3d.geometry.dense_points import PointBasis
from selfie3d.losses.parameter_distance import (
    PIXELS_PER_MICROMETRE,
    AffineBasis,
    affine_vertices,
    pdc,
    random_points,
    vdc,
    wpdc,
    wpdc_weights,
)

N, KI, KE = 7, 4, 3
SIZE = 12 + KI + KE


def raw_basis(seed: int = 0) -> AffineBasis:
    """Of sizes as 3DDFA has them: micrometres, raw coefficients, a 120-px crop."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(N, 3)) * 60_000
    identity, expression = rng.normal(size=(KI, N, 3)) * 0.02, rng.normal(size=(KE, N, 3)) * 900.0
    spread = np.full(SIZE, 1e-4)
    spread[[3, 7, 11]] = 20.0
    spread[12 : 12 + KI], spread[12 + KI :] = 5e5, 1.5
    middle = rng.normal(size=SIZE) * spread
    middle[[3, 7, 11]] += 60
    points = PointBasis(*(torch.from_numpy(a) for a in (mean, identity, expression)))
    return AffineBasis(
        points, torch.from_numpy(middle), torch.from_numpy(spread), PIXELS_PER_MICROMETRE
    )


def vectors(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(count, SIZE, generator=generator, dtype=torch.float64)
    return target + 0.3 * torch.randn(count, SIZE, generator=generator).double(), target


def slow_face(p: np.ndarray, basis: AffineBasis) -> np.ndarray:
    """(N,3) model points of one parameter vector."""
    points = basis.points.mean.numpy().copy()
    for k in range(KI):
        points += p[12 + k] * basis.points.identity[k].numpy()
    for k in range(KE):
        points += p[12 + KI + k] * basis.points.expression[k].numpy()
    return points


def slow_wpdc(predicted: np.ndarray, target: np.ndarray, basis: AffineBasis) -> np.ndarray:
    """cleardusk/3DDFA's weights and loss, one number at a time, for one face."""
    mean, std = basis.mean.numpy(), basis.std.numpy()
    p, g = predicted * std + mean, target * std + mean
    X, Y, Z = slow_face(g, basis).T
    weights = []
    for i in range(SIZE):
        dp = abs(p[i] - g[i])
        if i in (0, 4, 8):
            w = dp * np.linalg.norm(X)
        elif i in (1, 5, 9):
            w = dp * np.linalg.norm(Y)
        elif i in (2, 6, 10):
            w = dp * np.linalg.norm(Z)
        elif i in (3, 7, 11):
            w = dp * math.sqrt(N)
        else:
            k = i - 12
            column = basis.points.identity[k] if k < KI else basis.points.expression[k - KI]
            w = 0.00057339936 * dp * np.linalg.norm(column.numpy())
        weights.append(w + 1e-6)
    weights[11] = 0.0
    largest = max(weights)
    return np.array([w / largest * (predicted[i] - target[i]) ** 2 for i, w in enumerate(weights)])


def test_wpdc_against_a_slow_loop():
    basis = raw_basis()
    predicted, target = vectors()
    own = wpdc(predicted, target, basis)
    assert own.shape == (3, SIZE)
    for b in range(3):
        expected = slow_wpdc(predicted[b].numpy(), target[b].numpy(), basis)
        np.testing.assert_allclose(own[b].numpy(), expected, rtol=1e-10)


def in_millimetres(basis: AffineBasis) -> AffineBasis:
    """The same model in mm and standard deviations, and its whitening."""
    sigma_identity = torch.linspace(2e5, 9e5, KI, dtype=torch.float64)
    sigma_expression = torch.linspace(0.5, 2, KE, dtype=torch.float64)
    factor = torch.ones(SIZE, dtype=torch.float64)
    factor[[0, 1, 2, 4, 5, 6, 8, 9, 10]] = 1000  # px/um -> px/mm
    factor[12:] = 1 / torch.cat([sigma_identity, sigma_expression])
    points = PointBasis(
        basis.points.mean / 1000,
        basis.points.identity / 1000 * sigma_identity[:, None, None],
        basis.points.expression / 1000 * sigma_expression[:, None, None],
    )
    return AffineBasis(points, basis.mean * factor, basis.std * factor, 0.57339936)


@pytest.mark.parametrize("cost", [wpdc, vdc])
def test_units_do_not_matter(cost):
    """Micrometres and raw coefficients, or millimetres and standard deviations."""
    raw, (predicted, target) = raw_basis(), vectors()
    results = []
    for basis in (raw, in_millimetres(raw)):
        network = predicted.clone().requires_grad_()
        loss = cost(network, target, basis)
        loss.mean().backward()
        results.append((loss.detach(), network.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_weights_are_of_the_target_and_take_no_gradient():
    basis, (predicted, target) = raw_basis(), vectors()
    weights = wpdc_weights(predicted, target, basis)
    torch.testing.assert_close(weights.amax(1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(weights[:, 11], torch.zeros(3, dtype=torch.float64))
    predicted.requires_grad_()
    loss = wpdc(predicted, target, basis)
    (gradient,) = torch.autograd.grad(loss.sum(), predicted)
    torch.testing.assert_close(gradient, 2 * weights * (predicted - target).detach())


def test_equal_vectors_cost_nothing():
    basis, (_, target) = raw_basis(), vectors()
    same = target.clone().requires_grad_()
    loss = wpdc(same, target, basis)
    loss.sum().backward()
    assert float(loss.detach().abs().max()) == 0 and bool(torch.isfinite(same.grad).all())


def test_vdc_against_the_camera():
    basis, (predicted, target) = raw_basis(), vectors()
    own = vdc(predicted, target, basis)
    assert own.shape == (3, N, 3)
    for b in range(3):
        p, g = (basis.unwhiten(v)[b].numpy().copy() for v in (predicted, target))
        p[11] = g[11]
        ends = []
        for v in (p, g):
            camera = AffineCamera(torch.from_numpy(v[:12].reshape(1, 3, 4)), 120)
            ends.append(camera.project(torch.from_numpy(slow_face(v, basis)[None]))[0])
        torch.testing.assert_close(own[b], (ends[0] - ends[1]).square())


def test_offset_in_depth_is_the_targets():
    basis, (predicted, target) = raw_basis(), vectors()
    other = predicted.clone()
    other[:, 11] += 5
    torch.testing.assert_close(vdc(predicted, target, basis), vdc(other, target, basis))
    own, known = affine_vertices(other, other + 1e-9, basis)
    assert float((own - known).abs().max()) < 1e-4


def test_pdc_by_hand():
    own = pdc(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 1.0]]))
    assert own.tolist() == [[0.25, 9.0]]


def test_gradients():
    basis, (predicted, target) = raw_basis(), vectors(2)
    predicted.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: vdc(p, target, basis), predicted)
    assert torch.autograd.gradcheck(lambda p: pdc(p, target), predicted)
    weights = wpdc_weights(predicted, target, basis)  # constants to the gradient
    numeric = torch.autograd.functional.jacobian(lambda p: wpdc(p, target, basis), predicted)
    analytic = torch.zeros_like(numeric)
    for b in range(2):
        analytic[b, :, b] = torch.diag(2 * weights[b] * (predicted - target)[b].detach())
    torch.testing.assert_close(numeric, analytic)


def test_random_points_are_the_models():
    from selfie3d.facemodels import load_face_model

    model = load_face_model()
    first = random_points(model, "ibug68", 132, torch.Generator().manual_seed(3))
    again = random_points(model, "ibug68", 132, torch.Generator().manual_seed(3))
    assert first.mean.shape == (200, 3) and torch.equal(first.mean, again.mean)
    coefficients = model.zero_coefficients(1)
    coefficients.identity[0, 2], coefficients.expression[0, 5] = 1.5, 0.4
    mesh = model.vertices(coefficients)[0]
    points = first.points(coefficients.identity, coefficients.expression)[0]
    torch.testing.assert_close(points[:68], model.landmark_points(mesh[None])[0])
    order = torch.randperm(len(mesh), generator=torch.Generator().manual_seed(3))[:132]
    torch.testing.assert_close(points[68:], mesh[order])


def test_wrong_input():
    basis, (predicted, target) = raw_basis(), vectors()
    for cost in (wpdc, vdc):
        with pytest.raises(InputError, match="target"):
            cost(predicted, target[:1], basis)
        with pytest.raises(InputError, match="p"):
            cost(predicted[:, :-1], target[:, :-1], basis)
    with pytest.raises(InputError, match="target"):
        pdc(predicted, target[0])
    with pytest.raises(InputError, match="std"):
        AffineBasis(basis.points, basis.mean, 0 * basis.std, 1.0)
    with pytest.raises(InputError, match="mean"):
        AffineBasis(basis.points, basis.mean[1:], basis.std, 1.0)


def test_in_the_terms_of_the_62_numbers_layout():
    """A network's 62 outputs, by the layout's camera and by the basis; descending all costs."""
    from selfie3d.facemodels import load_face_model
    from selfie3d.losses.points import wing
    from selfie3d.models.heads.layouts import make_layout

    model = load_face_model()
    layout = make_layout("3ddfa", model, 120)
    generator = torch.Generator().manual_seed(0)
    drawn = random_points(model, "ibug68", 132, generator)
    basis = AffineBasis(layout.point_basis(drawn), layout.mean, layout.std, layout.pixels_per_mm)
    outputs, target = torch.randn(2, 3, layout.size, generator=generator)
    pixels = basis.image_points(basis.unwhiten(outputs))
    mesh = model.vertices(layout.coefficients(outputs))
    landmarks = layout.affine(outputs).project(model.landmark_points(mesh))
    flipped = torch.stack([pixels[..., 0] - 0.5, 120.5 - pixels[..., 1], pixels[..., 2]], -1)
    torch.testing.assert_close(flipped[:, :68], landmarks, atol=1e-3, rtol=0)
    known = outputs.clone().requires_grad_()
    descent = torch.optim.Adam([known], 0.05)
    before = float(vdc(outputs, target, basis).mean())
    for _ in range(150):
        descent.zero_grad()
        loss = wing(*affine_vertices(known, target, basis)).mean()
        (loss + 0.5 * wpdc(known, target, basis).mean()).backward()
        descent.step()
    assert float(vdc(known.detach(), target, basis).mean()) < 0.01 * before
