"""Attentional fusion: a weighted mean, its variants, MLANet's shapes."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.mlanet import AttentionFusion, ProgressiveFusion


def used_fusion(**options):
    torch.manual_seed(0)
    fusion = AttentionFusion(8, **options)
    fusion.train()(torch.randn(6, 8, 5, 5), torch.randn(6, 8, 5, 5))
    return fusion.eval()


@pytest.mark.parametrize("combine", ["sum", "concat"])
def test_every_number_lies_between_the_two_maps(combine):
    fusion, x, y = used_fusion(combine=combine), torch.randn(2, 8, 5, 5), torch.randn(2, 8, 5, 5)
    fused = fusion(x, y)
    assert bool((fused <= torch.maximum(x, y)).all())
    assert bool((fused >= torch.minimum(x, y)).all())
    assert bool((fused != (x + y) / 2).any())


def test_equal_maps_stay():
    x = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(used_fusion()(x, x), x)
    torch.testing.assert_close(used_fusion(factor=2.0)(x, x), 2 * x)


def test_local_and_global_weights():
    """Weights of a place, from that place's features and the mean over all places."""
    fusion, x, y = used_fusion(), torch.randn(1, 8, 3, 3), torch.randn(1, 8, 3, 3)
    combined, fused = x + y, fusion(x, y)
    whole = combined.mean((2, 3), keepdim=True)
    for i in range(3):
        for j in range(3):
            here = combined[:, :, i : i + 1, j : j + 1]
            w = torch.sigmoid(fusion.local_weights(here) + fusion.global_weights(whole))[..., 0, 0]
            wanted = w * x[:, :, i, j] + (1 - w) * y[:, :, i, j]
            torch.testing.assert_close(fused[:, :, i, j], wanted)


def test_a_finer_map_joins_the_next_scale():
    fusion = ProgressiveFusion(4, 8, "concat").eval()
    assert fusion(torch.randn(2, 4, 10, 10), torch.randn(2, 8, 5, 5)).shape == (2, 8, 5, 5)


def test_unknown_way_to_combine():
    with pytest.raises(InputError, match="combine: expected one of sum, concat, got 'product'"):
        AttentionFusion(8, combine="product")
