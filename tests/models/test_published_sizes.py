"""Parameters and multiplications against the figures of papers, of public code and of libraries."""

from __future__ import annotations

import pytest
import torch
from selfie3d.evaluate.protocols.network_cost import count_macs, count_parameters
from selfie3d.models.registry import NETWORKS

MEAN_MAP = 3 * 256 * 256
"""SADRNet's authors count the mean face's map, which their network keeps, as parameters."""


def size(name, **options):
    with torch.device("meta"):
        return count_parameters(NETWORKS.create(name, **options)) / 1e6


@pytest.mark.parametrize(
    ("name", "options", "millions"),
    [
        ("mobdensenet", {}, 2.736),  # R3FA, table 2: 10.9 MB
        ("damdnet", {}, 2.755),
        ("mobilenet_v2", {"outputs": 62}, 2.303),
        ("mobilenet_v2", {"outputs": 495}, 2.858),
        ("resnext50", {"outputs": 62}, 23.107),  # DAMDNet's table: 23.11
        ("densenet121", {"outputs": 62}, 7.017),  # DAMDNet's table: 7.02
        ("resnet50", {"outputs": 1000}, 25.557),  # torchvision's documentation, as the next two
        ("resnet34", {"outputs": 1000}, 21.798),
        ("resnet18", {"outputs": 1000}, 11.690),
    ],
)
def test_parameters(name, options, millions):
    assert size(name, **options) == pytest.approx(millions, abs=0.0005)


@pytest.mark.parametrize(
    ("name", "options", "millions", "within"),
    [
        ("mobdensenet", {"size": 120}, 117.9, 0.05),
        ("damdnet", {"size": 120}, 117.9, 0.05),
        ("sadrnet", {"size": 256}, 7100, 50),
        ("mobilenet_v2", {"size": 120, "outputs": 495}, 94, 0.5),
        ("mobilenet_v2", {"size": 64, "outputs": 495}, 25, 0.5),
        ("resnet50", {"size": 224, "outputs": 1000}, 4090, 5),  # torchvision's documentation
    ],
)
def test_multiplications(name, options, millions, within):
    network = NETWORKS.create(name, **options).eval()
    macs = count_macs(network, network.input_shape) / 1e6
    assert macs == pytest.approx(millions, abs=within)


def test_sadrnet_with_its_mean_map():
    with torch.device("meta"):
        network = NETWORKS.create("sadrnet")
    parameters = count_parameters(network) + MEAN_MAP
    assert parameters / 1e6 == pytest.approx(15.68, abs=0.005)
    assert 4 * parameters / 1e6 == pytest.approx(62.7, abs=0.05)
    assert 4 * count_parameters(network.attention) / 1e6 == pytest.approx(8.27, abs=0.005)
    assert 4 * count_parameters(network.position) / 1e6 == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize(
    ("name", "options", "millions"),
    [
        ("csanet", {}, 2.758),
        ("csanet", {"sge": False}, 2.757),
        ("csanet", {"coordinate_attention": False}, 2.738),
        ("csanet", {"sge": False, "coordinate_attention": False}, 2.736),  # MobDenseNet
        ("damdnet", {"sge": False, "squeeze_excitation": False}, 2.736),  # MobDenseNet
        ("mobile_facernet", {}, 3.251),
        ("mobile_facernet", {"attention": False}, 2.882),
        ("mobile_facernet", {"multi_scale": False}, 3.228),
        ("mobile_facernet", {"attention": False, "multi_scale": False}, 2.858),  # MobileNetV2
        ("mlanet", {}, 32.610),
        ("mlanet", {"hsca": ()}, 32.317),
        ("mlanet", {"paf": "none"}, 24.327),
        ("mlanet", {"hsca": (), "paf": "none"}, 24.035),  # ResNet-50
        ("resnet50", {}, 24.035),
    ],
)
def test_our_own_counts_and_ablations(name, options, millions):
    assert size(name, **options) == pytest.approx(millions, abs=0.0005)


def test_mobile_facernets_figure_cannot_hold():
    """Table 4: 2.56 M, 2.40 M without attention; both below the backbone with 495 outputs."""
    backbone = size("mobilenet_v2", outputs=495)
    assert backbone > 2.56
    assert size("mobile_facernet", attention=False) > backbone > 2.40
    learned_bases = 2 * 199 * 107_127 / 1e6
    assert learned_bases == pytest.approx(42.6, abs=0.05)
