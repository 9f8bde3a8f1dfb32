"""SADRNet's residual block: shapes, and what lies beyond the edge."""

from __future__ import annotations

import pytest
import torch
from selfie3d.models.sadrnet.network import CircularResidualBlock


@pytest.mark.parametrize(
    ("side", "stride", "result"), [(255, 2, 128), (32, 1, 32), (32, 2, 16), (3, 1, 3), (2, 1, 2)]
)
def test_shapes(side, stride, result):
    block = CircularResidualBlock(4, 8, stride).eval()
    assert block(torch.randn(1, 4, side, side)).shape == (1, 8, result, result)


def test_the_convolution_goes_round():
    """Against a sum over taps with indices modulo the size, two before and one after."""
    torch.manual_seed(0)
    block, x = CircularResidualBlock(4, 4).eval(), torch.randn(1, 4, 5, 6)
    inner = block.enter(x).clamp(min=0)
    weight = block.wide[0].weight
    wanted = torch.zeros(1, 2, 5, 6)
    for r in range(4):
        for c in range(4):
            moved = inner.roll((2 - r, 2 - c), (2, 3))
            wanted += torch.einsum("oi,bihw->bohw", weight[:, :, r, c], moved)
    middle = block.wide[1](wanted).clamp(min=0)
    torch.testing.assert_close(block(x), (block.leave(middle) + x).clamp(min=0))


def test_a_rolled_map_gives_the_rolled_result():
    torch.manual_seed(0)
    block, x = CircularResidualBlock(4, 4).eval(), torch.randn(1, 4, 8, 8)
    torch.testing.assert_close(block(x.roll(3, 2)), block(x).roll(3, 2))


def test_the_shortcut_is_the_input_where_shapes_allow():
    assert list(CircularResidualBlock(4, 4).shortcut.parameters()) == []
    assert list(CircularResidualBlock(4, 8).shortcut.parameters())
    assert list(CircularResidualBlock(4, 4, 2).shortcut.parameters())
