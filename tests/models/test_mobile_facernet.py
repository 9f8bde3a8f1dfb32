"""Mobile-FaceRNet: torchvision's MobileNetV2 without its modules, and where they sit."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.core.torchvision_shim import ensure_torchvision
from selfie3d.models.mobile_facernet import MobileFaceRNet, MobileFaceRNetOptions, ResidualAttention


def test_without_its_modules_it_is_torchvisions_mobilenet_v2():
    ensure_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    theirs = models.mobilenet_v2(weights=None, num_classes=495).eval()
    network = MobileFaceRNet(MobileFaceRNetOptions(attention=False, multi_scale=False)).eval()
    names, tensors = list(network.state_dict()), theirs.state_dict().values()
    network.load_state_dict(dict(zip(names, tensors, strict=True)))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), theirs(2 * images - 1), atol=1e-6, rtol=1e-4)


def test_attention_follows_every_layer_and_keeps_its_channels():
    network = MobileFaceRNet().eval()
    assert all(isinstance(part, ResidualAttention) for part in network.attention)
    shapes = []
    for part in network.attention:
        part.register_forward_hook(
            lambda _, inputs, output: shapes.append((inputs[0].shape[1:], output.shape[1:]))
        )
    with torch.no_grad():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, 495)
    assert all(before == after for before, after in shapes)
    table_1 = [(16, 32), (24, 16), (32, 8), (64, 4), (96, 4), (160, 2), (320, 2)]
    assert [(shape[0], shape[1]) for shape, _ in shapes] == table_1


def test_the_features_go_into_the_first_convolution():
    assert MobileFaceRNet().stem[0][0].in_channels == 48
    assert MobileFaceRNet(MobileFaceRNetOptions(multi_scale=False)).stem[0][0].in_channels == 3


def test_one_image_is_too_few_for_attention_in_training():
    with pytest.raises(InputError, match="2 or more while training"):
        MobileFaceRNet().train()(torch.rand(1, 3, 64, 64))


def test_unusable_size():
    with pytest.raises(InputError, match="size: expected a multiple of 32, got 50"):
        MobileFaceRNetOptions(size=50)
