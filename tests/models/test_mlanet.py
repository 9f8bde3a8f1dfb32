"""MLANet: torchvision's ResNet-50 without its attentions, and what they change."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.core.torchvision_shim import ensure_torchvision
from selfie3d.models.baselines import BaselineNetwork, BaselineOptions
from selfie3d.models.mlanet import HybridAttention, MlaNet, MlaNetOptions

PLAIN = MlaNetOptions(outputs=9, size=64, hsca=(), paf="none")


def test_plain_it_is_torchvisions_resnet50():
    torch.manual_seed(0)
    network, other = MlaNet(PLAIN).eval(), BaselineNetwork("resnet50", BaselineOptions(9, 64))
    other.backbone.load_state_dict(network.state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), other.eval()(images))


def test_imagenet_weights_reach_the_trunk(tmp_path):
    ensure_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    theirs = models.resnet50(weights=None).state_dict()
    torch.save(theirs, tmp_path / "resnet50.pth")
    options = MlaNetOptions(size=64, hsca=(0, 15), imagenet=str(tmp_path / "resnet50.pth"))
    network = MlaNet(options)
    assert network.options == MlaNetOptions(size=64, hsca=(0, 15))
    ours = network.state_dict()
    shared = [key for key in theirs if not key.startswith("fc.")]
    assert all(torch.equal(ours[key], theirs[key]) for key in shared)
    own = {key.split(".hsca.")[0] for key in ours if key not in theirs and "fusions" not in key}
    assert own == {"layer1.0", "layer4.2"}


def test_hsca_follows_the_3x3_convolution():
    with torch.device("meta"):
        network = MlaNet(MlaNetOptions())
    blocks = {k: m for k, m in network.named_modules() if isinstance(m, HybridAttention)}
    assert len(blocks) == 16
    assert {k.split(".")[-1] for k in blocks} == {"hsca"}
    widths = [m.channel.squeeze.in_features for m in blocks.values()]
    assert widths == [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3


@pytest.mark.parametrize("paf", ["sum", "concat"])
def test_every_fusion_hands_its_map_on(paf):
    """Three fusions for four scales; each sees the fused map of the scale before."""
    torch.manual_seed(0)
    network = MlaNet(MlaNetOptions(outputs=5, size=64, hsca=(), paf=paf)).eval()
    seen = []
    for fusion in network.fusions:
        fusion.register_forward_hook(lambda _, inputs, output: seen.append((*inputs, output)))
    with torch.no_grad():
        numbers = network(torch.rand(1, 3, 64, 64))
    assert [tuple(output.shape[1:]) for _, _, output in seen] == [
        (512, 8, 8),
        (1024, 4, 4),
        (2048, 2, 2),
    ]
    for (_, _, before), (finer, _, _) in pairwise(seen):
        assert torch.equal(before, finer)
    torch.testing.assert_close(numbers, network.fc(seen[-1][2].mean((2, 3))))


def test_one_image_is_too_few_for_fusion_in_training():
    network = MlaNet(MlaNetOptions(size=64)).train()
    with pytest.raises(InputError, match=r"\(2 or more while training, 3, 64, 64\), got \(1, "):
        network(torch.rand(1, 3, 64, 64))
    assert MlaNet(PLAIN).train()(torch.rand(1, 3, 64, 64)).shape == (1, 9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"paf": "product"}, "paf: expected one of sum, concat, none"),
        ({"hsca": (3, 16)}, "hsca: expected numbers from 0 to 15"),
        ({"size": 100}, "size: expected a multiple of 32, got 100"),
    ],
)
def test_unusable_options(options, words):
    with pytest.raises(InputError, match=words):
        MlaNetOptions(**options)
