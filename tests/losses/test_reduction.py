"""The masked mean against a loop, and its empty mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.reduction import masked_mean, masked_mean_each


def naive(values: np.ndarray, weights: np.ndarray) -> list[float]:
    means = []
    for item, share in zip(values, weights, strict=True):
        pairs = list(zip(item.ravel(), share.ravel(), strict=True))
        total = sum(w for _, w in pairs)
        means.append(sum(v * w for v, w in pairs) / total if total else 0.0)
    return means


@pytest.mark.parametrize("shape", [(3,), (3, 5), (2, 1, 4, 6)])
def test_against_a_loop(shape):
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=shape), rng.random(shape)
    weights[0] = 0
    weights.ravel()[-1] = 0 if len(shape) > 1 else 0.5
    each = masked_mean_each(torch.from_numpy(values), torch.from_numpy(weights))
    expected = naive(values.reshape(shape[0], -1), weights.reshape(shape[0], -1))
    assert each.shape == (shape[0],)
    np.testing.assert_allclose(each.numpy(), expected, atol=1e-12)
    mean = masked_mean(torch.from_numpy(values), torch.from_numpy(weights))
    assert mean.ndim == 0 and float(mean) == pytest.approx(np.mean(expected))


def test_an_empty_mask_gives_zero_with_a_gradient():
    values = torch.randn(2, 7, requires_grad=True)
    loss = masked_mean(values, torch.zeros(2, 7))
    loss.backward()
    assert float(loss.detach()) == 0 and values.grad is not None
    assert torch.equal(values.grad, torch.zeros(2, 7))


def test_an_empty_item_leaves_the_gradient_of_the_others():
    values = torch.ones(2, 3, requires_grad=True)
    masked_mean(values, torch.tensor([[0.0, 0, 0], [1, 1, 0]])).backward()
    expected = torch.tensor([[0, 0, 0], [0.25, 0.25, 0]])
    assert torch.allclose(values.grad, expected)


def test_one_small_weight_still_counts_fully():
    values, weights = torch.tensor([[3.0, 100.0]]), torch.tensor([[1e-4, 0.0]])
    assert float(masked_mean(values, weights)) == pytest.approx(3.0, rel=1e-5)


@pytest.mark.parametrize("shape", [(2, 1), (3,), (2, 3, 1), (1, 3)])
def test_no_silent_broadcasting(shape):
    with pytest.raises(InputError, match="weights"):
        masked_mean(torch.zeros(2, 3), torch.ones(shape))


def test_gradient_of_values_and_weights():
    values = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 4, dtype=torch.float64).add(0.1).requires_grad_()
    assert torch.autograd.gradcheck(masked_mean, (values, weights))
