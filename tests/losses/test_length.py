from __future__ import annotations

import pytest
import torch
from selfie3d.losses.reduction import length, unit


def test_against_torch():
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for dim in (0, 1, -1):
        assert torch.allclose(length(x, dim), torch.linalg.vector_norm(x, dim=dim))
    assert torch.allclose(unit(x), torch.nn.functional.normalize(x, dim=-1))


@pytest.mark.parametrize("function", [length, unit])
def test_gradients_are_right_and_zero_at_zero(function):
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(function, x.requires_grad_())
    still = torch.zeros(2, 3, requires_grad=True)
    function(still).sum().backward()
    assert torch.equal(still.grad, torch.zeros(2, 3))
