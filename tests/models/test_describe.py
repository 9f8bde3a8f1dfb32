"""The table of layers against what is known of a network."""

from __future__ import annotations

import torch
from selfie3d.evaluate.protocols.network_cost import count_parameters
from selfie3d.models.describe import describe_network, format_layers
from selfie3d.models.registry import NETWORKS
from torch import nn


class Small(nn.Module):
    """A layer used twice, a parameter beside layers, a shared one, two results."""

    input_shape = (3, 8, 8)

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, 2, 1)
        self.act = nn.ReLU()
        self.block = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.one, self.two = nn.Linear(4, 5), nn.Linear(4, 5)
        self.two.weight = self.one.weight

    def forward(self, x):
        y = self.act(self.first(x))
        y = self.act(self.block(y) * self.scale).mean((2, 3))
        return self.one(y), self.two(y)


def test_layers_in_the_order_of_their_calls():
    rows = [
        (row.name, row.kind, row.output, row.parameters)
        for row in describe_network(Small().train())
    ]
    assert rows == [
        ("first", "Conv2d", ((1, 4, 4, 4),), 3 * 4 * 9 + 4),
        ("act", "ReLU", ((1, 4, 4, 4),), 0),
        ("block.0", "Conv2d", ((1, 4, 4, 4),), 16),
        ("block.1", "BatchNorm2d", ((1, 4, 4, 4),), 8),
        ("act", "ReLU", ((1, 4, 4, 4),), 0),
        ("one", "Linear", ((1, 5),), 25),
        ("two", "Linear", ((1, 5),), 5),
        ("", "Small", ((1, 5), (1, 5)), 4),
    ]


def test_the_network_stays_as_it_was():
    network = Small().train()
    network.block.eval()
    before = [v.clone() for v in network.state_dict().values()]
    describe_network(network)
    assert network.training and not network.block[1].training
    assert all(
        torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True)
    )
    assert not any(module._forward_hooks for module in network.modules())


def test_parameters_add_up():
    for name in ("csanet", "mobile_facernet", "3ddfa"):
        network = NETWORKS.create(name)
        rows = describe_network(network)
        assert sum(row.parameters for row in rows) == count_parameters(network)
        assert rows[-1].output == ((1, network.options.outputs),)


def test_text():
    lines = format_layers(describe_network(Small())).splitlines()
    assert lines[0].split() == ["layer", "type", "output", "parameters"]
    assert lines[1].split() == ["first", "Conv2d", "4x4x4", "112"]
    assert lines[-2].split() == ["Small", "5", "5", "4"]
    assert lines[-1].split() == ["total", "170"]
    assert len({len(line) for line in lines}) == 1
