from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.ssim import SIGMA, WINDOW, ssim_global, ssim_loss, ssim_map, ssim_map_loss

C1, C2 = 0.01**2, 0.03**2


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    first = torch.rand(*shape, generator=generator, dtype=torch.float64)
    noise = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return first, 0.6 * first + 0.3 * noise


def some_mask(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return (torch.rand(*shape, generator=generator) > 0.4).double()


def formula(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> float:
    """The definition, on lists of pixels and weights, by numpy's weighted covariance."""
    (va, cab), (_, vb) = np.cov(a, b, aweights=w, bias=True)
    ma, mb = np.average(a, weights=w), np.average(b, weights=w)
    return ((2 * ma * mb + C1) * (2 * cab + C2)) / ((ma**2 + mb**2 + C1) * (va + vb + C2))


def test_global_against_numpy_covariance():
    a, b = pair(2, 3, 9, 8)
    mask = some_mask(2, 1, 9, 8)
    own = ssim_global(a, b, mask)
    for n, c in np.ndindex(2, 3):
        args = (x[n, c].numpy().ravel() for x in (a, b))
        wanted = formula(*args, mask[n, 0].numpy().ravel())
        assert float(own[n, c]) == pytest.approx(wanted, abs=1e-12)


def test_windowed_against_a_naive_loop_with_a_mask():
    a, b = pair(1, 2, 17, 14)
    mask = some_mask(1, 1, 17, 14)
    own = ssim_map(a, b, mask)
    half = WINDOW // 2
    for c, y, x in np.ndindex(2, 17, 14):
        rows = np.arange(max(0, y - half), min(17, y + half + 1))
        columns = np.arange(max(0, x - half), min(14, x + half + 1))
        distance = (rows[:, None] - y) ** 2 + (columns[None] - x) ** 2
        weights = np.exp(-distance / (2 * SIGMA**2)) * mask[0, 0].numpy()[np.ix_(rows, columns)]
        a_here, b_here = (v[0, c].numpy()[np.ix_(rows, columns)].ravel() for v in (a, b))
        wanted = formula(a_here, b_here, weights.ravel())
        assert float(own[0, c, y, x]) == pytest.approx(wanted, abs=1e-10)


def test_windowed_equals_kornia_inside():
    kornia = pytest.importorskip("kornia")
    a, b = pair(2, 3, 40, 36)
    wanted = kornia.metrics.ssim(a, b, WINDOW, max_val=1.0)
    inside = (..., slice(5, -5), slice(5, -5))
    torch.testing.assert_close(ssim_map(a, b)[inside], wanted[inside], atol=1e-9, rtol=0)


@pytest.mark.parametrize("function", [ssim_global, ssim_map])
def test_hidden_pixels_do_not_matter(function):
    a, b = pair(1, 3, 24, 24)
    mask = some_mask(1, 1, 24, 24)
    other = torch.where(mask > 0, b, 1 - b)
    seen = function(a, b, mask), function(a, other, mask)
    torch.testing.assert_close(seen[0], seen[1], atol=1e-12, rtol=0)


@pytest.mark.parametrize("function", [ssim_global, ssim_map])
def test_one_for_equal_images_also_flat_black_or_unseen(function):
    a, _ = pair(1, 3, 16, 16)
    nothing = torch.zeros(1, 1, 16, 16)
    for image in (a, torch.zeros_like(a), torch.full_like(a, 0.5)):
        torch.testing.assert_close(function(image, image), torch.ones_like(function(a, a)))
    unseen = function(a, 1 - a, nothing)
    torch.testing.assert_close(unseen, torch.ones_like(unseen))


def test_inverted_contrast_is_negative():
    a, _ = pair(1, 1, 16, 16)
    assert float(ssim_global(a, 1 - a)) < -0.9


@pytest.mark.parametrize("function", [ssim_global, ssim_map])
def test_gradient(function):
    a, b = pair(1, 2, 6, 7)
    mask = some_mask(1, 1, 6, 7)
    assert torch.autograd.gradcheck(lambda x: function(x, b, mask), a.requires_grad_())


def test_empty_mask_has_a_gradient_of_zero():
    a, b = pair(1, 1, 8, 8)
    a.requires_grad_()
    (1 - ssim_map(a, b, torch.zeros(1, 1, 8, 8))).sum().backward()
    assert torch.equal(a.grad, torch.zeros_like(a))


def test_exact_under_batching_and_in_single_precision():
    a, b = pair(3, 3, 20, 20)
    whole = ssim_map(a, b)
    for n in range(3):
        torch.testing.assert_close(ssim_map(a[n : n + 1], b[n : n + 1])[0], whole[n])
    single = ssim_map(a.float(), b.float())
    torch.testing.assert_close(single.double(), whole, atol=2e-4, rtol=0)


def test_refuses_unequal_shapes():
    a, b = pair(1, 3, 8, 8)
    with pytest.raises(InputError, match="second"):
        ssim_global(a, b[:, :1])
    with pytest.raises(InputError, match="mask"):
        ssim_map(a, b, torch.ones(1, 3, 8, 8))


def test_global_loss_is_eq_15_of_mobile_facernet():
    a, b = pair(2, 3, 9, 8)
    mask = some_mask(2, 1, 9, 8)
    own = ssim_loss(a, b, mask)
    assert own.shape == (2,)
    for n in range(2):
        weights = mask[n, 0].numpy().ravel()
        channels = [formula(*(x[n, c].numpy().ravel() for x in (a, b)), weights) for c in range(3)]
        assert float(own[n]) == pytest.approx(1 - np.mean(channels), abs=1e-12)


def test_windowed_loss_is_twice_kornias_inside():
    kornia = pytest.importorskip("kornia")
    a, b = pair(2, 3, 40, 36)
    halved = kornia.losses.ssim_loss(a, b, WINDOW, reduction="none")
    wanted = 2 * halved.mean(1, keepdim=True)
    inside = (..., slice(5, -5), slice(5, -5))
    own = ssim_map_loss(a, b)
    assert own.shape == (2, 1, 40, 36)
    torch.testing.assert_close(own[inside], wanted[inside], atol=1e-9, rtol=0)


@pytest.mark.parametrize("loss", [ssim_loss, ssim_map_loss])
def test_losses_have_gradients_and_an_empty_mask_none(loss):
    a, b = pair(1, 2, 6, 7)
    mask = some_mask(1, 1, 6, 7)
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, b, mask), a)
    nothing = loss(a, b, 0 * mask)
    assert float(nothing.detach().abs().max()) == 0
    (gradient,) = torch.autograd.grad(nothing.sum(), a)
    assert torch.equal(gradient, torch.zeros_like(a))
    with pytest.raises(InputError, match="second"):
        loss(a, b[:, :1])
