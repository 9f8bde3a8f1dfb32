"""Receptive fields of Mobile-FaceRNet's features, measured from gradients."""

from __future__ import annotations

import pytest
import torch
from selfie3d.models.mobile_facernet import DilatedUnit, MultiScaleFeatures
from torch import Tensor, nn

SIDE = 71


def receptive_field(layer, channels: int) -> int:
    """Side of the square of inputs that the middle output depends on.

    Every weight is positive and so is every input: no activation and no sum hides a dependence.
    """
    if isinstance(layer, nn.Module):
        for parameter in layer.eval().parameters():
            nn.init.constant_(parameter, 0.1)
    x = torch.ones(1, channels, SIDE, SIDE, requires_grad=True)
    layer(x)[0, :, SIDE // 2, SIDE // 2].sum().backward()
    touched = x.grad[0].abs().sum(0) > 0
    rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
    height = int(rows.max() - rows.min()) + 1
    assert height == int(columns.max() - columns.min()) + 1
    return height


@pytest.mark.parametrize(("dilation", "field"), [(1, 3), (2, 5), (3, 7)])
def test_the_measure_itself(dilation, field):
    """Equation 7: (d - 1)(K - 1) + K."""
    assert receptive_field(nn.Conv2d(2, 2, 3, padding=dilation, dilation=dilation), 2) == field


@pytest.mark.parametrize(("dilations", "field"), [((1, 3, 1), 11), ((1, 1, 1), 7)])
def test_a_unit(dilations, field):
    assert receptive_field(DilatedUnit(8, 8, dilations), 8) == field


@pytest.mark.parametrize(("dilations", "field"), [((1, 3, 1), 51), ((1, 1, 1), 31)])
def test_five_units(dilations, field):
    """As the paper states it: of the units; the two convolutions before them add 4."""
    features = MultiScaleFeatures(dilations=dilations)

    def units(maps: Tensor) -> Tensor:
        for unit in features.units:
            maps = torch.cat([maps, unit(maps)], 1)
        return maps

    assert receptive_field(features, 3) == field + 4
    assert receptive_field(units, 8) == field


def test_every_unit_sees_everything_before_it():
    features, x = MultiScaleFeatures(3, 8, 5).eval(), torch.rand(2, 3, 16, 16)
    assert [unit.enter[0][0].in_channels for unit in features.units] == [8, 16, 24, 32, 40]
    y = features(x)
    assert y.shape == (2, features.outputs, 16, 16) == (2, 48, 16, 16)
    torch.testing.assert_close(y[:, :8], features.enter(x))
    torch.testing.assert_close(y[:, 40:], features.units[4](y[:, :40]))
