"""Units of MobileNetV1 and V2."""

from __future__ import annotations

import pytest
import torch
from selfie3d.evaluate.protocols.network_cost import count_macs
from selfie3d.models.blocks.separable import InvertedResidual, depthwise_separable
from torch.nn import functional


def test_depthwise_separable_is_one_filter_each_then_a_mix():
    torch.manual_seed(0)
    unit, x = depthwise_separable(3, 5).eval(), torch.randn(1, 3, 7, 7)
    depth, mix = unit[0][0].weight, unit[2][0].weight
    scale = 1 / (1 + 1e-5) ** 0.5  # a norm that has seen nothing
    each = [functional.conv2d(x[:, c : c + 1], depth[c : c + 1], padding=1) for c in range(3)]
    inner = functional.relu(torch.cat(each, 1) * scale)
    wanted = functional.relu(torch.einsum("oc,bchw->bohw", mix[:, :, 0, 0], inner) * scale)
    torch.testing.assert_close(unit(x), wanted)


def test_depthwise_separable_cost():
    macs = count_macs(depthwise_separable(16, 32).eval(), (16, 10, 10))
    assert macs == 100 * (9 * 16 + 16 * 32)


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "adds"),
    [(8, 8, 1, True), (8, 8, 2, False), (8, 12, 1, False)],
)
def test_inverted_residual_adds_where_shapes_allow(inputs, outputs, stride, adds):
    torch.manual_seed(0)
    unit, x = InvertedResidual(inputs, outputs, stride, 6).eval(), torch.randn(1, inputs, 8, 8)
    y = unit.body(x)
    assert y.shape == (1, outputs, 8 // stride, 8 // stride)
    torch.testing.assert_close(unit(x), x + y if adds else y)


def test_expansion_of_one_has_no_first_convolution():
    assert len(InvertedResidual(8, 8, 1, 1).body) == 3
    assert len(InvertedResidual(8, 8, 1, 6).body) == 5


def test_the_result_is_linear_in_its_last_norm():
    """No activation after the last convolution: some numbers are negative."""
    unit = InvertedResidual(8, 12, 1, 6).eval()
    assert bool((unit(torch.randn(1, 8, 8, 8)) < 0).any())


@pytest.mark.parametrize(("outputs", "strength"), [(8, 0.1), (12, 1.0)])
def test_what_is_added_starts_quietly(outputs, strength):
    """A tenth beside the input; what stands alone keeps its strength."""
    torch.manual_seed(0)
    unit = InvertedResidual(8, outputs, 1, 6).train()
    alone = unit.body(torch.randn(16, 8, 8, 8))
    assert float(alone.detach().std()) == pytest.approx(strength, rel=0.01)
