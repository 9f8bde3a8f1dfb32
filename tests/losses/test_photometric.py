from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.photometric import (
    colour_difference,
    colour_distance,
    photometric_loss,
    robust_photometric,
)


def images(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    pair = torch.rand(2, *shape, generator=generator, dtype=torch.float64)
    return pair[0], pair[1]


def test_against_a_loop():
    rendered, photo = images(2, 3, 4, 5)
    own = robust_photometric(rendered, photo, 0.2)
    assert own.shape == (2, 1, 4, 5)
    for b, y, x in np.ndindex(2, 4, 5):
        squared = np.mean([float(rendered[b, c, y, x] - photo[b, c, y, x]) ** 2 for c in range(3)])
        assert float(own[b, 0, y, x]) == pytest.approx(squared / (squared + 0.04), abs=1e-12)


@pytest.mark.parametrize("scale", [0.05, 0.3])
def test_half_at_the_scale_zero_at_zero_and_never_one(scale):
    photo = torch.full((1, 3, 1, 3), 0.5)
    rendered = photo + torch.tensor([0.0, scale, 1e3])
    error = robust_photometric(rendered, photo, scale)[0, 0, 0]
    assert error[0] == 0 and float(error[1]) == pytest.approx(0.5, abs=1e-5)
    assert 0.999 < float(error[2]) <= 1


def test_an_outlier_pulls_less_than_an_inlier():
    rendered = torch.tensor([0.02, 0.9]).expand(1, 3, 1, 2).clone().requires_grad_()
    robust_photometric(rendered, torch.zeros(1, 3, 1, 2), 0.1).sum().backward()
    near, far = rendered.grad[0, 0, 0]
    assert 0 < far < near / 10


def test_gradient():
    rendered, photo = images(1, 3, 2, 2)
    rendered.requires_grad_()
    assert torch.autograd.gradcheck(lambda r: robust_photometric(r, photo, 0.1), rendered)


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 1, 4, 5), (2, 3, 4, 1), (3, 4, 5)])
def test_shapes_must_be_equal(shape):
    with pytest.raises(InputError, match="photo"):
        robust_photometric(torch.zeros(2, 3, 4, 5), torch.zeros(shape), 0.1)


def test_distance_and_difference_against_a_loop():
    rendered, photo = images(2, 3, 4, 5)
    l2, l1 = colour_distance(rendered, photo), colour_difference(rendered, photo)
    assert l2.shape == l1.shape == (2, 1, 4, 5)
    for b, y, x in np.ndindex(2, 4, 5):
        gap = (rendered - photo)[b, :, y, x].numpy()
        assert float(l2[b, 0, y, x]) == pytest.approx(np.sqrt(1e-6 + gap @ gap))
        assert float(l1[b, 0, y, x]) == pytest.approx(np.abs(gap).mean())


def test_distance_of_equal_images_has_a_gradient():
    image = torch.rand(1, 3, 2, 2, requires_grad=True)
    colour_distance(image, image.detach()).sum().backward()
    assert torch.equal(image.grad, torch.zeros_like(image))


def soft_masks() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    visible, attention = torch.rand(2, 2, 1, 4, 5, generator=generator, dtype=torch.float64)
    visible[0, 0, :2] = 0
    return visible, attention


@pytest.mark.parametrize("attended", [True, False])
def test_photometric_loss_against_the_equation(attended):
    rendered, photo = images(2, 3, 4, 5)
    visible, attention = soft_masks()
    own = photometric_loss(rendered, photo, visible, attention if attended else None)
    for b in range(2):
        above = below = 0.0
        for y, x in np.ndindex(4, 5):
            a = float(visible[b, 0, y, x]) * (float(attention[b, 0, y, x]) if attended else 1)
            gap = (rendered - photo)[b, :, y, x].numpy()
            above += a * np.sqrt(1e-6 + gap @ gap)
            below += a
        assert float(own[b]) == pytest.approx(above / below)


def test_photometric_loss_of_a_batch_of_one_is_deep3ds():
    """sum(sqrt(eps + sum_c d^2) * mask) / max(sum(mask), 1)."""
    rendered, photo = images(1, 3, 6, 6)
    mask = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    mask[..., 1:5, 2:] = 1
    error = torch.sqrt(1e-6 + ((rendered - photo) ** 2).sum(1, keepdim=True)) * mask
    expected = error.sum() / mask.sum().clamp(min=1)
    assert float(photometric_loss(rendered, photo, mask)[0]) == pytest.approx(float(expected))


def test_photometric_loss_does_not_pull_at_its_masks():
    rendered, photo = images(2, 3, 4, 5)
    visible, attention = (mask.requires_grad_() for mask in soft_masks())
    photometric_loss(rendered.requires_grad_(), photo, visible, attention).sum().backward()
    assert visible.grad is None and attention.grad is None and rendered.grad.abs().sum() > 0


def test_photometric_loss_of_nothing_seen():
    rendered, photo = images(2, 3, 4, 5)
    visible, attention = soft_masks()
    loss = photometric_loss(rendered.requires_grad_(), photo, visible, attention * 0)
    loss.sum().backward()
    assert torch.equal(loss.detach(), torch.zeros(2, dtype=torch.float64))
    assert torch.equal(rendered.grad, torch.zeros_like(rendered))


def test_gradients_of_the_plain_terms():
    rendered, photo = images(1, 3, 2, 2)
    visible = torch.tensor([[[[1.0, 0.5], [0.0, 1.0]]]], dtype=torch.float64)
    rendered.requires_grad_()
    assert torch.autograd.gradcheck(lambda r: colour_distance(r, photo), rendered)
    assert torch.autograd.gradcheck(lambda r: colour_difference(r, photo), rendered)
    assert torch.autograd.gradcheck(lambda r: photometric_loss(r, photo, visible), rendered)


def test_no_broadcasting_of_images_and_masks():
    image = torch.zeros(2, 3, 4, 5)
    for term in (colour_distance, colour_difference):
        with pytest.raises(InputError, match="photo"):
            term(image, torch.zeros(2, 1, 4, 5))
    with pytest.raises(InputError, match="visible"):
        photometric_loss(image, image, torch.ones(1, 1, 4, 5))
    with pytest.raises(InputError, match="attention"):
        photometric_loss(image, image, torch.ones(2, 1, 4, 5), torch.ones(2, 3, 4, 5))
