"""The default network's head, fused copy and weights file."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.geometry.dense_points import PointLayout
from selfie3d.models.dense_points import DensePointNetwork, DensePointOptions
from selfie3d.models.fuse import fuse_norms
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.models.weights_found import find_weights, weight_names
from torch import nn

SMALL = DensePointOptions(size=32, width=4, blocks=(1, 1), points=72, coefficients=5, reduced=2)
LAYOUT = PointLayout("default", ("ibug68",), (5, 6, 7, 8), (1, 0, 3, 2))


def used_network() -> DensePointNetwork:
    """A network whose normalisations have seen data."""
    torch.manual_seed(0)
    network = DensePointNetwork(SMALL).train()
    for _ in range(3):
        network(torch.rand(8, 3, 32, 32))
    return network.eval()


def test_the_default_network_is_small():
    network = NETWORKS.create("dense-points")
    halves = sum(p.numel() for p in network.parameters()) * 2
    assert halves <= 12_000_000  # bytes


def test_head_shapes_and_range():
    out = used_network()(torch.rand(2, 3, 32, 32))
    assert out.points.shape == (2, 72, 3)
    assert out.log_sigma.shape == (2, 72)
    assert out.coefficients.shape == (2, 5)
    assert out.visibility is None and out.segmentation is None


def test_points_stay_exact_in_half_precision():
    """The head's last layer runs in float32 whatever surrounds it."""
    with torch.autocast("cpu", torch.bfloat16):
        points = used_network()(torch.rand(2, 3, 32, 32)).points
    assert points.dtype == torch.float32


def test_fused_network_says_the_same():
    network = used_network()
    images = torch.rand(3, 3, 32, 32)
    fused = fuse_norms(network)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fused.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    with torch.no_grad():
        for own, other in zip(network(images), fused(images), strict=True):
            torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def test_weights_go_through_a_file(tmp_path):
    network = used_network()
    path = tmp_path / "some.safetensors"
    path.write_bytes(
        pack_weights(network, "dense-points", SMALL, layout=LAYOUT, facts={"note": [1, 2.5]})
    )
    found = load_weights(path)
    assert found.name == "some"
    assert found.layout == LAYOUT
    assert found.facts == {"note": [1, 2.5]}
    assert not found.network.training
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        for own, other in zip(network(images), found.network(images), strict=True):
            torch.testing.assert_close(own, other, atol=5e-3, rtol=0)  # float16 in the file


def test_unusable_weights_are_named(tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(InputError, match="format"):
        load_weights(other)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"12345678 no")
    with pytest.raises(InputError, match="safetensors"):
        load_weights(broken)
    with pytest.raises(MissingFileError, match="absent"):
        load_weights(tmp_path / "absent.safetensors")
    with pytest.raises(UnknownNameError, match="nearly"):
        find_weights("nearly", tmp_path)
    assert weight_names(tmp_path) == ["broken", "other"]
    assert find_weights("other", tmp_path) == other


def test_a_size_that_does_not_halve_is_refused():
    with pytest.raises(InputError, match="multiple of 16"):
        DensePointOptions(size=100)
    with pytest.raises(InputError, match="from 32"):
        DensePointOptions(size=16)
