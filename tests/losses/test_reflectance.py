from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.photometric import albedo_flatness


def colours() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    albedo = torch.rand(2, 30, 3, generator=generator, dtype=torch.float64)
    return albedo, torch.rand(30, generator=generator) > 0.4


def test_is_the_variance_in_the_region():
    albedo, region = colours()
    own = albedo_flatness(albedo, region)
    expected = np.var(albedo.numpy()[:, region.numpy()], axis=1).sum(-1)
    np.testing.assert_allclose(own.numpy(), expected)


def test_batch_mean_is_deep3ds():
    albedo, region = colours()
    mask = region.double().reshape(1, -1, 1)
    mean = (mask * albedo).sum(1, keepdim=True) / mask.sum()
    expected = (((albedo - mean) * mask) ** 2).sum() / (len(albedo) * mask.sum())
    assert float(albedo_flatness(albedo, region).mean()) == pytest.approx(float(expected))


def test_one_colour_costs_nothing_whatever_lies_outside():
    albedo, region = colours()
    albedo[:, region] = torch.tensor([0.8, 0.6, 0.5], dtype=torch.float64)
    assert float(albedo_flatness(albedo, region).max()) < 1e-20


def test_gradient_and_an_empty_region():
    albedo, region = colours()
    albedo = albedo[:, :6].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: albedo_flatness(a, region[:6]), albedo)
    nothing = albedo_flatness(albedo, torch.zeros(6, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(nothing.sum(), albedo)
    assert float(nothing.detach().abs().max()) == 0 and torch.equal(
        gradient, torch.zeros_like(albedo)
    )


def test_shapes():
    with pytest.raises(InputError, match="region"):
        albedo_flatness(torch.zeros(2, 5, 3), torch.ones(2, 5))
    with pytest.raises(InputError, match="albedo"):
        albedo_flatness(torch.zeros(2, 5, 1), torch.ones(5))
