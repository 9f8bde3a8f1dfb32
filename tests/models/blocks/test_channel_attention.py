"""Squeeze and excitation, and MLANet's hybrid attention, against what they are made of."""

from __future__ import annotations

import torch
from selfie3d.models.blocks.channel_attention import SqueezeExcitation
from selfie3d.models.mlanet import HybridAttention


def test_one_gate_for_each_channel():
    torch.manual_seed(0)
    block, x = SqueezeExcitation(32), torch.randn(3, 32, 4, 5)
    for image, result in zip(x, block(x), strict=True):
        mean = torch.stack([channel.mean() for channel in image])
        inner = (block.squeeze.weight @ mean).clamp(min=0)
        gate = 1 / (1 + torch.exp(-(block.excite.weight @ inner)))
        torch.testing.assert_close(
            result, torch.stack([g * c for g, c in zip(gate, image, strict=True)])
        )


def test_reduction():
    assert SqueezeExcitation(320).squeeze.out_features == 20
    assert SqueezeExcitation(24).squeeze.out_features == 1
    assert SqueezeExcitation(8).squeeze.out_features == 1


def test_hybrid_attention_is_spatial_first():
    torch.manual_seed(0)
    block, x = HybridAttention(64).eval(), torch.randn(2, 64, 6, 6)
    torch.testing.assert_close(block(x), block.channel(block.spatial(x)))
    assert not torch.allclose(block(x), block.spatial(block.channel(x)))
    gates = block(x) / x
    assert bool((gates > 0).all()) and bool((gates < 1).all())


def test_hybrid_attention_uses_the_cited_activation():
    """h-swish is 0 below -3 exactly; Swish is not."""
    act = HybridAttention(16).spatial.encode[2]
    assert float(act(torch.tensor(-4.0))) == 0
