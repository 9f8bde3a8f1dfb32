"""The page's numbers say what the face model and the solver say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.geometry import PointBasis
from selfie3d.geometry.lip_columns import LipColumns
from selfie3d.models.weights import load_weights
from selfie3d.pipeline.network.trained_model import trained_model
from selfie3d.pipeline.web.numbers import face_numbers


@pytest.fixture(scope="module")
def weights():
    return load_weights("default")


@pytest.fixture(scope="module")
def model(weights):
    return trained_model(weights)


@pytest.fixture(scope="module")
def numbers(weights, model):
    """The plain values and the tables, read as the page reads them."""
    text, content = face_numbers(weights, model)
    plain = json.loads(text)
    tables = {}
    for name, place in plain["tables"].items():
        count = int(np.prod(place["shape"]))
        flat = np.frombuffer(content, place["kind"], count, place["start"])
        tables[name] = flat.reshape(place["shape"])
        assert place["start"] % flat.itemsize == 0  # else browsers refuse the view
    return plain, tables


@pytest.fixture(scope="module")
def person(numbers, model):
    """A random face: what the page's solver calls its values, and the model its coefficients."""
    plain, _ = numbers
    generator = torch.Generator().manual_seed(2)
    identity = torch.randn(1, len(model.identity), generator=generator)
    expression = torch.zeros(1, len(model.expression))
    expression[:, plain["moving"]] = torch.rand(1, len(plain["moving"]), generator=generator)
    values = torch.cat([identity, expression[:, plain["moving"]] * plain["most"]], 1)[0]
    return values.numpy(), identity, expression


def test_points_are_the_models(numbers, person, weights, model):
    _, tables = numbers
    values, identity, expression = person
    found = tables["mean"] + tables["modes"] @ values
    wanted = PointBasis.of(model, weights.layout).points(identity, expression)[0].numpy()
    assert np.abs(found - wanted).max() < 1e-3 < np.abs(found - tables["mean"]).max()


def test_lips_are_as_far_apart_as_the_models(numbers, person, model):
    _, tables = numbers
    values, identity, expression = person
    heights = tables["lips_rest"] + tables["lips_modes"] @ values
    opening = heights[:, 0].min(1) - heights[:, 1].max(1)
    wanted = LipColumns.of(model).openings(identity, expression)[0].numpy()
    assert np.abs(opening - wanted).max() < 1e-3
    assert np.abs(wanted - tables["lips_touching"]).max() > 1


def test_albedo_is_the_models(numbers, model):
    plain, tables = numbers
    own = torch.randn(1, len(model.albedo_basis), generator=torch.Generator().manual_seed(3))
    steps = np.array(plain["albedo_steps"])[:, None, None]
    found = tables["albedo_mean"] / 255 + (
        own[0].numpy()[:, None, None] * steps * tables["albedo"]
    ).sum(0)
    wanted = (model.albedo_mean + torch.einsum("k,kvc->vc", own[0], model.albedo_basis)).numpy()
    assert np.abs(found - wanted).max() < 0.01


def test_what_is_expected_is_what_the_weights_learned(numbers, weights):
    plain, tables = numbers
    variance = np.array(weights.facts["coefficient_variance"])[tables["columns"]]
    assert plain["learned_prior"]
    np.testing.assert_allclose(tables["precision"] * variance, 1, rtol=1e-5)
    assert list(tables["columns"][: plain["free"]]) == list(range(plain["free"]))


def test_mirror_images_are_the_models(numbers, model):
    """Coefficients of a mirrored face make the mirrored vertices."""
    _, tables = numbers
    identities, expressions, _ = model.sizes
    vector = torch.rand(sum(model.sizes) + 27, generator=torch.Generator().manual_seed(4)).numpy()
    turned = tables["mirror_sign"] * vector[tables["mirror_from"]]

    def vertices(values):
        shape, moving, _ = np.split(values, np.cumsum([identities, expressions]))
        own = model.zero_coefficients()
        parts = (torch.from_numpy(np.asarray(part, np.float32))[None] for part in (shape, moving))
        return model.vertices(
            replace(own, **dict(zip(("identity", "expression"), parts, strict=True)))
        )[0]

    wanted = vertices(vector)[model.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    assert float((vertices(turned) - wanted).abs().max()) < 0.05
    assert sorted(tables["partners"]) == list(range(len(tables["mean"])))
