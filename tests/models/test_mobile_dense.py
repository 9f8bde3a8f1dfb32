"""The MobileBlock with dense connection."""

from __future__ import annotations

import pytest
import torch
from selfie3d.evaluate.protocols.network_cost import count_parameters
from selfie3d.models.mobdensenet import MobileDenseUnit
from torch import nn


@pytest.mark.parametrize(("stride", "project"), [(1, False), (1, True), (2, True)])
def test_the_transition_sees_the_result_and_the_input(stride, project):
    torch.manual_seed(0)
    unit, x = MobileDenseUnit(4, 6, stride, 3, project).eval(), torch.randn(2, 4, 8, 8)
    result = unit.bottleneck(x)
    joined = torch.cat([result, unit.side(x) if project else x], 1).clamp(min=0)
    torch.testing.assert_close(unit(x), unit.transition(joined))
    assert unit(x).shape == (2, 6, 8 // stride, 8 // stride)


def test_what_enhances_sits_before_the_joint():
    torch.manual_seed(0)

    class Nothing(nn.Module):
        def forward(self, x):
            return 0 * x

    unit, x = MobileDenseUnit(4, 6, 1, 3, False, Nothing()).eval(), torch.randn(1, 4, 5, 5)
    joined = torch.cat([torch.zeros(1, 6, 5, 5), x.clamp(min=0)], 1)
    torch.testing.assert_close(unit(x), unit.transition(joined))


def test_parameters():
    inner = 4 * 3
    wanted = 4 * inner + 9 * inner + inner * 6 + (4 + 6) * 6 + 2 * (inner + inner + 6 + 6)
    assert count_parameters(MobileDenseUnit(4, 6, 1, 3, False)) == wanted
    assert count_parameters(MobileDenseUnit(4, 6, 1, 3, True)) == wanted + 4 * 4 + 2 * 4
