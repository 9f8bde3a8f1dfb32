"""The default network's heads, and the first weights' tensors, which keep their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.dense_points import DensePointNetwork, DensePointOptions
from selfie3d.models.fuse import channels_last, fuse_norms
from selfie3d.models.heads.points import solver_errors, stated_errors

OLD = Path(__file__).parents[1] / "recipes" / "old_dense_state.json"
HEADS = {"hidden": 8, "visibility": True, "segments": 16, "decoder": 8, "refinement": 6}
SMALL = {"width": 4, "points": 70, "coefficients": 30, "reduced": 2}


def network(**options):
    torch.manual_seed(0)
    return DensePointNetwork(DensePointOptions(**SMALL | options)).eval()


@pytest.mark.parametrize("stem", [2, 4])
@pytest.mark.parametrize(("size", "side"), [(112, 4), (96, 3), (128, 4)])
def test_every_head_answers(stem, size, side):
    own = network(size=size, stem=stem, blocks=(1, 1, 1, 1), **HEADS)
    assert own.options.side == side
    with torch.no_grad():
        out = own(torch.rand(2, 3, size, size))
    assert out.points.shape == (2, 70, 3)
    assert out.log_sigma.shape == out.visibility.shape == (2, 70)
    assert out.coefficients.shape == (2, 30)
    assert out.segmentation.shape == (2, 16, size // 4, size // 4)
    assert float(out.points.abs().max()) < 0.1  # quiet at first
    assert float((out.log_sigma + 2.5).abs().max()) < 0.1


def test_heads_that_are_not_asked_for_are_not_there():
    out = network(size=32, blocks=(1, 1))(torch.rand(1, 3, 32, 32))
    assert out.visibility is None and out.segmentation is None


def test_tensors_of_the_first_options_keep_their_names_and_shapes():
    described = json.loads(OLD.read_text())["network"]
    outputs = described["head.linear.bias"][0]
    options = {"size": 32, "blocks": (1, 1), "points": 74, "coefficients": outputs - 4 * 74}
    state = network(**options).state_dict()
    assert {name: list(value.shape) for name, value in state.items()} == described
    assert list(state) == list(described)


def test_defaults_are_those_of_weights_that_name_no_more():
    options = DensePointOptions()
    assert (options.size, options.width, options.blocks) == (96, 32, (1, 2, 2, 2))
    assert (options.stem, options.hidden, options.visibility, options.segments) == (2, 0, False, 0)


def test_fused_heads_answer_the_same():
    own = network(size=64, stem=4, blocks=(1, 2, 1), **HEADS)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        own.train()(torch.rand(8, 3, 64, 64))
        expected = own.eval()(images)
        found = channels_last(fuse_norms(own))(images.contiguous(memory_format=torch.channels_last))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_every_head_learns():
    own = network(size=32, blocks=(1, 1), **HEADS).train()
    out = own(torch.rand(4, 3, 32, 32))
    sum(value.square().sum() for value in out).backward()
    assert all(p.grad is not None for p in own.parameters())


def test_stated_errors_hold_what_they_say():
    """Of distances with the density exp(-r / s), 68 % lie within the stated error."""
    g = torch.Generator().manual_seed(0)
    scale = 0.3
    uniform = torch.rand(2, 100_000, generator=g)
    distance = -scale * uniform.log().sum(0)  # Gamma(2): the radius of that density in the plane
    factor = distance.quantile(0.68) / scale
    log_sigma = torch.full((1,), scale).log()
    stated = stated_errors(log_sigma, factor[None])
    assert float((distance <= stated).float().mean()) == pytest.approx(0.68, abs=0.005)
    assert float(solver_errors(log_sigma, factor[None])) == pytest.approx(scale, rel=0.01)
    assert float(solver_errors(log_sigma, None)) == float(stated_errors(log_sigma, None))


def test_wrong_sizes_are_named():
    with pytest.raises(InputError, match="a multiple of 16, from 32"):
        DensePointOptions(size=100)
    with pytest.raises(InputError, match="stem"):
        DensePointOptions(stem=3)
