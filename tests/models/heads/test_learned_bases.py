"""Bases that are learned: a linear layer that starts from the face model's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.facemodels.registry import load_face_model
from selfie3d.models.heads.learned_bases import LearnedBases, bases_of, model_of
from selfie3d.models.mobile_facernet import MobileFaceRNet, MobileFaceRNetOptions
from selfie3d.models.registry import NETWORKS


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture
def bases(model):
    torch.manual_seed(4)
    made = LearnedBases(len(model.identity), len(model.albedo_basis), len(model.mean))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.01)
    return made


def test_they_are_linear_layers_of_the_coefficients(model, bases):
    """Equations 3 and 4, by a layer of torch with the PCA's weights and the differences added."""
    start = model.zero_coefficients(2)
    some = replace(start, identity=torch.randn(2, 120), albedo=torch.randn(2, 38))
    learned = bases.added_to(model)
    for found, mean, basis, own, weights in (
        (learned.vertices(some), model.mean, model.identity, bases.identity, some.identity),
        (learned.albedo(some), model.albedo_mean, model.albedo_basis, bases.albedo, some.albedo),
    ):
        layer = torch.nn.Linear(len(basis), mean.numel())
        layer.weight.data = (basis + own).flatten(1).T.contiguous().detach()
        layer.bias.data = mean.flatten()
        torch.testing.assert_close(found.flatten(1), layer(weights), atol=1e-3, rtol=1e-4)
        assert float((found - mean).abs().max()) > 0.05
    assert float((learned.vertices(some) - model.vertices(some)).abs().max()) > 0.05
    assert learned.name == model.name and learned.landmarks.keys() == model.landmarks.keys()


def test_gradients_reach_them(model, bases):
    start = model.zero_coefficients(1)
    some = replace(start, identity=torch.ones(1, 120), albedo=torch.ones(1, 38))
    learned = bases.added_to(model)
    (learned.vertices(some).sum() + learned.albedo(some).sum()).backward()
    for parameter in bases.parameters():
        torch.testing.assert_close(parameter.grad, torch.ones_like(parameter))
    assert not model.identity.requires_grad


def test_how_far_they_moved(model):
    bases = LearnedBases(len(model.identity), len(model.albedo_basis), len(model.mean))
    assert float(bases.change(model)) == 0
    bases.identity.data = 0.1 * model.identity
    bases.albedo.data = 0.2 * model.albedo_basis
    torch.testing.assert_close(bases.change(model), torch.tensor(0.05))


def test_networks_hold_them(model):
    sizes = len(model.identity), len(model.albedo_basis), len(model.mean)
    network = MobileFaceRNet(MobileFaceRNetOptions(bases=sizes))
    assert model_of(MobileFaceRNet(), model) is model and bases_of(MobileFaceRNet()) is None
    torch.testing.assert_close(model_of(network, model).identity, model.identity)
    assert {"bases.identity", "bases.albedo"} <= set(network.state_dict())
    with pytest.raises(InputError, match="bases: expected three numbers"):
        MobileFaceRNetOptions(bases=(3,))
    with pytest.raises(UnknownNameError, match="bases"):
        NETWORKS.create("csanet", bases=sizes)


def test_another_face_model_is_refused(model):
    with pytest.raises(InputError, match="face model: expected modes and vertices"):
        LearnedBases(3, 2, len(model.mean)).added_to(model)


def test_the_papers_bases_have_42_6_million_numbers():
    """199 modes each, 35,709 vertices: more than the 2.56 M that its table 4 gives for all."""
    with torch.device("meta"):
        network = MobileFaceRNet(MobileFaceRNetOptions(bases=(199, 199, 35709)))
    own = sum(p.numel() for p in network.bases.parameters())
    assert own == 2 * 199 * 107127
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(45.9e6, rel=0.01)
