"""Joined activations and poolings beside torch's own, one after the other."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.facenet_import import import_facenet
from selfie3d.detect.fused_pool import PooledPrelu, fuse_pools
from torch import nn


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize("shape", [(2, 10, 7, 12), (1, 5, 3, 3), (3, 28, 22, 9)])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_maxima_are_torchs(side, shape, order) -> None:
    torch.manual_seed(1)
    activation = nn.PReLU(shape[1])
    nn.init.uniform_(activation.weight, -1.5, 1.5)
    x = torch.randn(shape).to(memory_format=order)
    expected = nn.MaxPool2d(side, 2, ceil_mode=True)(activation(x))
    assert torch.equal(PooledPrelu(activation, side)(x), expected)


@pytest.mark.parametrize(("name", "size"), [("pnet", 61), ("rnet", 24), ("onet", 48)])
def test_networks_answer_as_the_librarys(name, size) -> None:
    torch.manual_seed(2)
    pictures = torch.randn(3, 3, size, size).contiguous(memory_format=torch.channels_last)
    plain, fused = (getattr(import_facenet().MTCNN(), name) for _ in range(2))
    plain, fused = (n.to(memory_format=torch.channels_last) for n in (plain, fused))
    fuse_pools(fused)
    assert not any(isinstance(part, nn.MaxPool2d) for part in fused.modules())
    with torch.inference_mode():
        for got, expected in zip(fused(pictures), plain(pictures), strict=True):
            assert torch.equal(got, expected)
