from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.photometric import robust_photometric


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
