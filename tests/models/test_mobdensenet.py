"""MobDenseNet, DAMDNet and CSANet: one plan, three kinds of attention."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.blocks.channel_attention import CoordinateAttention, SqueezeExcitation
from selfie3d.models.csanet import CsaNet, CsaNetOptions
from selfie3d.models.damdnet import DamdNet, SpatialGroupEnhance
from selfie3d.models.mobdensenet import PLANES, MobDenseNet, MobDenseNetOptions, MobileDenseUnit
from torch import nn

UNITS = (1, 2, 3, 4, 3, 3, 1)


def kinds(modules, kind):
    return [m for m in modules if isinstance(m, kind)]


def test_the_plan():
    network = MobDenseNet().eval()
    shapes = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _, inputs, output: shapes.append(output.shape[1:]))
    with torch.no_grad():
        network(torch.rand(1, 3, 120, 120))
    assert [shape[0] for shape in shapes] == list(PLANES)
    assert [shape[1] for shape in shapes] == [60, 30, 15, 8, 8, 4, 4]
    assert tuple(len(layer) for layer in network.layers) == UNITS
    assert not kinds(network.modules(), SpatialGroupEnhance | SqueezeExcitation)


@pytest.mark.parametrize(
    ("network", "between"), [(DamdNet, SqueezeExcitation), (CsaNet, CoordinateAttention)]
)
def test_attention_inside_and_between(network, between):
    with torch.device("meta"):
        built = network()
    units = kinds(built.modules(), MobileDenseUnit)
    groups = [unit.enhance.groups for unit in units]
    wanted = [c // 2 for c, n in zip(PLANES, UNITS, strict=True) for _ in range(n)]
    assert groups == wanted
    assert len(kinds(built.attention, between)) == 7


def test_csanets_options():
    with torch.device("meta"):
        plain = CsaNet(CsaNetOptions(sge=False, coordinate_attention=False))
        cited = CsaNet(CsaNetOptions(act="hswish", reduction=16))
    assert list(plain.state_dict()) == list(MobDenseNet().state_dict())
    assert kinds(cited.modules(), nn.Hardswish) and not kinds(cited.modules(), nn.SiLU)
    assert cited.attention[6].rows.in_channels == 320 // 16


def test_images_of_64_to_127_fill_the_range():
    """As the public code has them: (x - 127.5) / 128 of bytes."""
    network, seen = MobDenseNet(MobDenseNetOptions(size=64)).eval(), []
    network.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64)), network(torch.ones(1, 3, 64, 64))
    assert [float(x.mean()) for x in seen] == pytest.approx([-0.99609375, 0.99609375])


def test_too_small():
    with pytest.raises(InputError, match="size: expected a whole number, 64 or more, got 32"):
        MobDenseNetOptions(size=32)
