"""Spatial group-wise enhancement against loops over groups and places."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.damdnet import SpatialGroupEnhance


def naive(x, groups, weight, bias):
    images, channels, height, width = x.shape
    size = channels // groups
    result = torch.empty_like(x)
    for n in range(images):
        for g in range(groups):
            part = x[n, g * size : (g + 1) * size]
            mean = [float(channel.mean()) for channel in part]
            likeness = [
                [sum(float(part[c, i, j]) * mean[c] for c in range(size)) for j in range(width)]
                for i in range(height)
            ]
            values = [v for row in likeness for v in row]
            middle = sum(values) / len(values)
            variance = sum((v - middle) ** 2 for v in values) / (len(values) - 1)
            for i in range(height):
                for j in range(width):
                    a = (likeness[i][j] - middle) / (math.sqrt(variance) + 1e-5)
                    gate = 1 / (1 + math.exp(-(float(weight[g]) * a + float(bias[g]))))
                    result[n, g * size : (g + 1) * size, i, j] = part[:, i, j] * gate
    return result


def test_against_loops():
    torch.manual_seed(0)
    block = SpatialGroupEnhance(6, 3)
    with torch.no_grad():
        block.weight.copy_(torch.tensor([0.5, -1.0, 2.0]))
        block.bias.copy_(torch.tensor([0.1, 0.0, -0.3]))
    x = torch.randn(2, 6, 3, 4)
    wanted = naive(x, 3, block.weight.detach(), block.bias.detach())
    torch.testing.assert_close(block(x), wanted, atol=1e-5, rtol=1e-5)


def test_a_new_block_multiplies_by_sigmoid_of_one():
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(SpatialGroupEnhance(4, 2)(x), x / (1 + math.exp(-1)))


def test_equal_places_have_finite_gradients():
    x = torch.ones(1, 4, 3, 3, requires_grad=True)
    block = SpatialGroupEnhance(4, 2)
    block(x).sum().backward()
    assert x.grad.isfinite().all() and block.weight.grad.isfinite().all()


def test_groups_must_divide_the_channels():
    with pytest.raises(InputError, match="groups: expected a divisor of 6 channels, got 4"):
        SpatialGroupEnhance(6, 4)
