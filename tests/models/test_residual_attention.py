"""Residual attention: 1 + mask times the trunk."""

from __future__ import annotations

import pytest
import torch
from selfie3d.models.mobile_facernet import ResidualAttention


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_equation_9(side):
    torch.manual_seed(0)
    block, x = ResidualAttention(16, restore=False).eval(), torch.randn(2, 16, side, side)
    mask, trunk, result = block.mask(x), block.trunk(x), block(x)
    assert mask.shape == trunk.shape == result.shape == (2, 8, side, side)
    assert bool((mask > 0).all()) and bool((mask < 1).all())
    torch.testing.assert_close(result / trunk, 1 + mask, atol=1e-4, rtol=1e-4)


def test_the_channels_come_back():
    block, x = ResidualAttention(16).eval(), torch.randn(2, 16, 4, 4)
    assert block(x).shape == x.shape


def test_the_mask_looks_further_than_the_trunk():
    """The trunk is 1x1; the mask pools, convolves and comes back to the size."""
    torch.manual_seed(0)
    block = ResidualAttention(8).eval()

    def reach(part):
        x = torch.randn(1, 8, 17, 17, requires_grad=True)
        part(x)[0, :, 8, 8].sum().backward()
        return int((x.grad.abs().sum((0, 1)) > 0).sum())

    assert reach(block.trunk) == 1
    assert reach(block.mask) > 25
