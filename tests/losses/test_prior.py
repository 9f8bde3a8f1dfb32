from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.losses.coefficients import (
    MLANET_PRIOR,
    MOBILE_FACERNET_PRIOR,
    PriorWeights,
    blendshape_prior,
    coefficient_prior,
    gaussian_prior,
    light_prior,
)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_gaussian_is_twice_the_negative_log_likelihood():
    x = draw(2, 6)
    normal = torch.distributions.Normal(0.0, 1.0)
    expected = -2 * (normal.log_prob(x) - normal.log_prob(torch.zeros(1)))
    assert torch.allclose(gaussian_prior(x), expected)


def test_blendshapes_against_a_loop():
    weights, spread = draw(3, 4), torch.tensor([0.1, 0.2, 0.3, 1.0], dtype=torch.float64)
    own = blendshape_prior(weights, spread)
    assert own.shape == (3, 4)
    for i, k in np.ndindex(3, 4):
        w, s = float(weights[i, k]), float(spread[k])
        outside = -w if w < 0 else max(w - 1, 0)
        assert float(own[i, k]) == pytest.approx((w / s) ** 2 + (outside / 0.03) ** 2)


def test_blendshape_wall_stands_at_both_ends():
    spread = torch.full((1,), 1e6)
    inside, below, above = (
        float(blendshape_prior(torch.tensor([[w]]), spread)) for w in (0.5, -0.03, 1.03)
    )
    assert (
        inside < 1e-6
        and below == pytest.approx(1, rel=1e-3)
        and above == pytest.approx(1, rel=1e-3)
    )


def test_light_prior_punishes_colour_alone():
    grey = draw(2, 9, 1).expand(2, 9, 3)
    assert float(light_prior(grey).abs().max()) < 1e-20
    light = draw(2, 9, 3)
    for b, k, c in np.ndindex(2, 9, 3):
        mean = sum(float(light[b, k, i]) for i in range(3)) / 3
        expected = (float(light[b, k, c]) - mean) ** 2
        assert float(light_prior(light)[b, k, c]) == pytest.approx(expected)
    assert torch.allclose(light_prior(light + grey), light_prior(light))


@pytest.mark.parametrize("term", [gaussian_prior, light_prior])
def test_gradients(term):
    x = draw(2, 9, 3) if term is not gaussian_prior else draw(2, 9)
    assert torch.autograd.gradcheck(term, x.requires_grad_())


def test_gradient_of_blendshapes():
    spread = torch.tensor([0.1, 0.2], dtype=torch.float64)
    weights = torch.tensor([[-0.4, 0.3], [1.2, 0.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: blendshape_prior(w, spread), weights)


def test_shapes():
    with pytest.raises(InputError, match="coefficients"):
        gaussian_prior(torch.zeros(3))
    with pytest.raises(InputError, match="weights"):
        blendshape_prior(torch.zeros(2, 1), torch.ones(3))
    with pytest.raises(InputError, match="light"):
        light_prior(torch.zeros(1, 3, 9))


def face(scale: float = 1.0) -> Coefficients:
    values = draw(2, 12 + 27)
    identity, expression, albedo, light = (values * scale).split([5, 4, 3, 27], 1)
    return Coefficients(identity, expression, albedo, light.reshape(2, 9, 3))


@pytest.mark.parametrize(
    ("weights", "by_hand"),
    [(MLANET_PRIOR, (1.0, 0.8, 0.017)), (MOBILE_FACERNET_PRIOR, (0.00002, 0.0004, 0.02))],
)
def test_coefficient_prior_against_a_loop(weights, by_hand):
    given = face()
    own = coefficient_prior(given, weights)
    for b in range(2):
        parts = (given.identity[b], given.expression[b], given.albedo[b])
        expected = sum(
            w * sum(float(x) ** 2 for x in v) for w, v in zip(by_hand, parts, strict=True)
        )
        assert float(own[b]) == pytest.approx(expected)


def test_coefficient_prior_of_blendshapes():
    given, spread = face(), torch.tensor([0.1, 0.2, 0.3, 1.0], dtype=torch.float64)
    own = coefficient_prior(given, PriorWeights(0, 1, 0), spread)
    assert torch.allclose(own, blendshape_prior(given.expression, spread).sum(1))
    with pytest.raises(InputError, match="weights"):
        coefficient_prior(given, MLANET_PRIOR, spread[:3])


def test_gradient_of_the_coefficient_prior():
    given = face(0.5)

    def prior(a: torch.Tensor, d: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return coefficient_prior(Coefficients(a, d, b, given.light), MLANET_PRIOR)

    parts = (given.identity, given.expression, given.albedo)
    assert torch.autograd.gradcheck(prior, tuple(p.clone().requires_grad_() for p in parts))
