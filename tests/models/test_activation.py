"""Class-activation maps against the sum of features written out, and what has none."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.models.activation import activation_map, spatial_layers
from selfie3d.models.registry import NETWORKS
from torch import nn


class Pooled(nn.Module):
    """Features, their mean over the places, one linear layer: what CAM was made for."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True))
        self.features = nn.Conv2d(5, 7, 3, stride=2, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.answer = nn.Linear(7, 4)

    def forward(self, images):
        return self.answer(self.act(self.features(self.stem(images))).mean((2, 3)))


@pytest.fixture
def images():
    return torch.rand(3, 3, 12, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("outputs", [None, slice(1, 3)])
def test_it_is_the_map_of_the_paper(images, outputs):
    """sum_c (sum_k y_k W_kc) F_c, by hand."""
    network = Pooled().eval()
    with torch.no_grad():
        features = network.act(network.features(network.stem(images)))
        y = network.answer(features.mean((2, 3)))
        kept = torch.zeros_like(y)
        kept[:, outputs or slice(None)] = y[:, outputs or slice(None)]
        weights = kept @ network.answer.weight
        by_hand = torch.einsum("bc,bchw->bhw", weights, features).relu()
        by_hand = by_hand / by_hand.amax((1, 2), keepdim=True).clamp(min=1e-30)
    found = activation_map(network, images, outputs=outputs)
    assert found.shape == (3, 1, 6, 8) and found.max() == 1
    torch.testing.assert_close(found[:, 0], by_hand)


def test_an_early_layer_by_finite_differences(images):
    """The weight of a channel is what a little more of it everywhere does to the answer."""
    network = Pooled().double().eval()
    picture = images[:1].double()
    with torch.no_grad():
        features = network.stem(picture)

        def length(given):
            return (
                network.answer(network.act(network.features(given)).mean((2, 3))).square().sum() / 2
            )

        step, weights = 1e-6, []
        for channel in range(features.shape[1]):
            more = features.clone()
            more[:, channel] += step
            weights.append((length(more) - length(features)) / step)
        by_hand = torch.einsum("c,bchw->bhw", torch.stack(weights), features).relu()
    found = activation_map(network, picture, "stem")[:, 0]
    torch.testing.assert_close(found, by_hand / by_hand.max(), rtol=1e-3, atol=1e-4)


def test_layers_in_their_order(images):
    names = spatial_layers(Pooled(), images)
    assert names == ["stem.0", "stem.1", "stem", "features", "act"]


def test_the_networks_change_nothing_by_being_looked_at():
    network = NETWORKS.create("mobilenet_v1", width=0.25, size=64).eval().requires_grad_(False)
    picture = torch.rand(1, 3, 64, 64)
    before = network(picture)
    found = activation_map(network, picture)
    assert found.min() >= 0 and found.max() == pytest.approx(1) and not found.requires_grad
    torch.testing.assert_close(network(picture), before)
    assert all(p.grad is None for p in network.parameters())
    assert not any(part._forward_hooks for part in network.modules())


def test_what_has_no_map(images):
    with pytest.raises(UnknownNameError, match=r"layer of maps 'feature'.*'features'"):
        activation_map(Pooled(), images, "feature")
    with pytest.raises(InputError, match="layers whose outputs are maps, got none"):
        activation_map(nn.Flatten(), images)
    with pytest.raises(InputError, match=r"numbers \(B,N\)"):
        activation_map(nn.Sequential(nn.Conv2d(3, 4, 3)), images)
    maps = NETWORKS.create("sadrnet", size=64, width=2).eval()
    with pytest.raises(InputError, match=r"numbers \(B,N\), got UvPrediction"):
        activation_map(maps, torch.rand(1, 3, 64, 64))
