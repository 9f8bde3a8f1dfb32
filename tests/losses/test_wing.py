from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.points import wing


def by_hand(x: float, w: float, eps: float) -> float:
    if abs(x) < w:
        return w * math.log(1 + abs(x) / eps)
    return abs(x) - (w - w * math.log(1 + w / eps))


@pytest.mark.parametrize(("w", "eps"), [(10.0, 2.0), (5.0, 0.5)])
def test_against_the_definition(w, eps):
    x = torch.linspace(-30, 30, 121, dtype=torch.float64)
    own = wing(x, torch.zeros_like(x), w, eps)
    expected = [by_hand(float(v), w, eps) for v in x]
    torch.testing.assert_close(own, torch.tensor(expected, dtype=torch.float64))


def test_defaults_are_those_of_r3fa_and_csanet():
    x = torch.tensor([0.0, 1.0, 9.999999, 10.0, 25.0], dtype=torch.float64)
    own = wing(x, torch.zeros_like(x))
    assert own[0] == 0 and float(own[1]) == pytest.approx(10 * math.log(1.5))
    assert float(own[2]) == pytest.approx(float(own[3]), abs=1e-5)  # both pieces meet
    assert float(own[4] - own[3]) == pytest.approx(15)


def test_unreduced_and_symmetric():
    a, b = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0)) * 12
    assert wing(a, b).shape == (3, 5, 2)
    torch.testing.assert_close(wing(a, b), wing(b, a))


def test_gradient():
    x = torch.tensor([[0.5, -3.0], [11.0, -40.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: wing(v, torch.zeros_like(v)), x)


def test_wrong_input():
    with pytest.raises(InputError, match="target"):
        wing(torch.zeros(2, 5, 3), torch.zeros(2, 1, 3))
    with pytest.raises(InputError, match="curvature"):
        wing(torch.zeros(2), torch.zeros(2), 10, 0)
