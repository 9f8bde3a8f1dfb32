from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.pixel_classes import attention_cross_entropy
from torch.nn import functional


def masks() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 2, 1, 5, 6, generator=generator, dtype=torch.float64)
    return 0.02 + 0.96 * a, (b > 0.5).double()


def test_against_torch():
    predicted, target = masks()
    expected = functional.binary_cross_entropy(predicted, target, reduction="none")
    torch.testing.assert_close(attention_cross_entropy(predicted, target), expected)
    soft = 0.2 + 0.6 * target
    expected = functional.binary_cross_entropy(predicted, soft, reduction="none")
    torch.testing.assert_close(attention_cross_entropy(predicted, soft), expected)


def test_gradient():
    predicted, target = masks()
    term = lambda p: attention_cross_entropy(p, target)  # noqa: E731
    assert torch.autograd.gradcheck(term, predicted.requires_grad_())


def test_finite_at_the_ends():
    predicted = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(1, 1, 2, 2).requires_grad_()
    target = torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 1, 2, 2)
    loss = attention_cross_entropy(predicted, target)
    loss.sum().backward()
    right, wrong = loss.detach().flatten().split(2)
    assert float(right.max()) < 1e-6 and 15 < float(wrong.min()) <= float(wrong.max()) < 16.2
    assert bool(torch.isfinite(predicted.grad).all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened(dtype):
    predicted, target = (x.to(dtype) for x in masks())
    loss = attention_cross_entropy(predicted, target)
    assert loss.dtype == torch.float32 and bool(torch.isfinite(loss).all())


def test_a_nan_shows():
    predicted, target = masks()
    predicted[0, 0, 0, 0] = torch.nan
    assert int(torch.isnan(attention_cross_entropy(predicted, target)).sum()) == 1


def test_shapes():
    predicted, target = masks()
    with pytest.raises(InputError, match="target"):
        attention_cross_entropy(predicted, target[:1])
    with pytest.raises(InputError, match="predicted"):
        attention_cross_entropy(predicted[:, 0], target)
