"""The dense points' terms against loops and a library's density."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.coefficients import coefficient_error
from selfie3d.losses.points import box_unit, depth_distance, distance_likelihood, point_distance


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_point_distance_is_the_nme():
    predicted, target = normal(3, 5, 3), normal(3, 5, 3, seed=1)
    unit = box_unit(target)
    found = point_distance(predicted, target, unit)
    for b in range(3):
        xs, ys = target[b, :, 0].tolist(), target[b, :, 1].tolist()
        size = math.sqrt((max(xs) - min(xs)) * (max(ys) - min(ys)))
        for n in range(5):
            d = math.dist(predicted[b, n, :2].tolist(), target[b, n, :2].tolist())
            assert float(found[b, n]) == pytest.approx(d / size, abs=1e-6)


def test_equal_points_have_a_gradient_of_zero_and_no_nan():
    points = normal(2, 4, 3).requires_grad_()
    point_distance(points, points.detach(), torch.ones(2, 1).double()).sum().backward()
    assert points.grad is not None
    assert float(points.grad.abs().max()) == 0


def test_gradients():
    predicted, target = normal(2, 4, 3).requires_grad_(), normal(2, 4, 3, seed=1)
    unit = torch.tensor([[2.0], [3.0]], dtype=torch.float64)
    log_sigma = normal(2, 4, seed=2).requires_grad_()

    def terms(p: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        distance = point_distance(p, target, unit)
        depth = depth_distance(p, target, unit)
        return distance, depth, distance_likelihood(distance, s)

    assert torch.autograd.gradcheck(terms, (predicted, log_sigma))


def test_likelihood_is_of_a_density_that_sums_to_one():
    """exp(-nll) / (2 pi) summed over rings of the plane is 1 for every scale."""
    radius = torch.linspace(0, 60, 200_001, dtype=torch.float64)
    for log_sigma in (-1.0, 0.0, 0.7):
        nll = distance_likelihood(radius[None], torch.full_like(radius[None], log_sigma))[0]
        density = torch.exp(-nll) / (2 * math.pi)
        total = torch.trapezoid(density * 2 * math.pi * radius, radius)
        assert float(total) == pytest.approx(1, abs=1e-6)


def test_likelihood_is_best_at_half_the_distance():
    """r / s + 2 log s is least at s = r / 2."""
    scales = torch.linspace(0.05, 4, 4000, dtype=torch.float64)
    nll = distance_likelihood(torch.full_like(scales, 1.6)[None], scales.log()[None])[0]
    assert float(scales[nll.argmin()]) == pytest.approx(0.8, abs=2e-3)


def test_depth_and_coefficients():
    predicted, target = normal(2, 3, 3), normal(2, 3, 3, seed=1)
    unit = torch.tensor([[2.0], [4.0]], dtype=torch.float64)
    found = depth_distance(predicted, target, unit)
    assert float(found[1, 2]) == pytest.approx(abs(float(predicted[1, 2, 2] - target[1, 2, 2])) / 4)
    error = coefficient_error(predicted[..., 0], target[..., 0])
    assert float(error[0, 1]) == pytest.approx(float(predicted[0, 1, 0] - target[0, 1, 0]) ** 2)


def test_shapes_that_would_broadcast_are_refused():
    unit = torch.ones(2, 1)
    with pytest.raises(InputError, match="target"):
        point_distance(torch.zeros(2, 5, 3), torch.zeros(2, 1, 3), unit)
    with pytest.raises(InputError, match="unit"):
        point_distance(torch.zeros(2, 5, 3), torch.zeros(2, 5, 3), torch.ones(2))
    with pytest.raises(InputError, match="log_sigma"):
        distance_likelihood(torch.zeros(2, 5), torch.zeros(2, 1))
    with pytest.raises(InputError, match="target"):
        coefficient_error(torch.zeros(2, 5), torch.zeros(5))
