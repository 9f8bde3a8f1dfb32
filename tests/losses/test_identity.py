from __future__ import annotations

import pytest
import torch
from scipy.spatial.distance import cosine
from selfie3d.core.errors import InputError
from selfie3d.losses.shape import cosine_distance


def embeddings(count: int = 4, size: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, count, size, generator=generator, dtype=torch.float64)


def test_against_scipy():
    a, b = embeddings()
    for own, first, second in zip(cosine_distance(a, b), a, b, strict=True):
        assert float(own) == pytest.approx(cosine(first.numpy(), second.numpy()))


def test_lengths_do_not_count():
    a, b = embeddings()
    torch.testing.assert_close(cosine_distance(3 * a, 0.1 * b), cosine_distance(a, b))
    assert float(cosine_distance(a, 7 * a).abs().max()) < 1e-12
    torch.testing.assert_close(cosine_distance(a, -a), torch.full((4,), 2.0).double())


def test_gradient_also_at_zero():
    a, b = embeddings(2, 4)
    assert torch.autograd.gradcheck(cosine_distance, (a.requires_grad_(), b.requires_grad_()))
    nothing = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    distance = cosine_distance(nothing, b.detach())
    distance.sum().backward()
    assert distance.tolist() == [1, 1] and torch.equal(nothing.grad, torch.zeros_like(nothing))


@pytest.mark.parametrize("shape", [(1, 8), (4, 1), (8,), (4, 8, 1)])
def test_shapes(shape):
    with pytest.raises(InputError, match="second"):
        cosine_distance(torch.ones(4, 8), torch.ones(shape))
