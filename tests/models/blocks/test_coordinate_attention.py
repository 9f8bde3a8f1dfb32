"""Coordinate attention against loops over rows and columns."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.blocks.channel_attention import CoordinateAttention


def used_block(channels, **options):
    torch.manual_seed(0)
    block = CoordinateAttention(channels, **options)
    block.train()(torch.randn(8, channels, 5, 4))
    return block.eval()


def naive(block, x, act):
    """Each row's and each column's mean goes through the convolutions as one vector."""
    conv, norm = block.encode[0], block.encode[1]

    def encode(vector):
        y = conv.weight[:, :, 0, 0] @ vector
        y = (y - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        return act(norm.weight * y + norm.bias)

    def gate(layer, vector):
        return torch.sigmoid(layer.weight[:, :, 0, 0] @ encode(vector) + layer.bias)

    result = torch.empty_like(x)
    for n in range(len(x)):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                g_h = gate(block.rows, x[n, :, i].mean(1))
                g_w = gate(block.columns, x[n, :, :, j].mean(1))
                result[n, :, i, j] = x[n, :, i, j] * g_h * g_w
    return result


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("swish", lambda x: x * torch.sigmoid(x)),
        ("hswish", lambda x: x * (x + 3).clamp(0, 6) / 6),
    ],
)
def test_against_loops(name, act):
    block = used_block(6, act=name)
    x = torch.randn(2, 6, 5, 4)
    torch.testing.assert_close(block(x), naive(block, x, act), atol=1e-5, rtol=1e-5)


def test_a_mirrored_image_gives_the_mirrored_result():
    """It is equivariant to permutations of rows and of columns: no convolution mixes places."""
    block, x = used_block(6), torch.randn(1, 6, 5, 4)
    torch.testing.assert_close(block(x.flip(3)), block(x).flip(3))
    torch.testing.assert_close(block(x.flip(2)), block(x).flip(2))


@pytest.mark.parametrize(("channels", "inner"), [(16, 8), (256, 8), (320, 10), (512, 16)])
def test_inner_channels(channels, inner):
    assert CoordinateAttention(channels).rows.in_channels == inner


def test_unknown_activation():
    with pytest.raises(InputError, match="act: expected one of swish, hswish, got 'relu'"):
        CoordinateAttention(8, act="relu")
