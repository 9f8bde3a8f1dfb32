"""Reconstruction that begins with a network: which one, what it gives, and going on from it."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.core.image_file import read_image
from selfie3d.geometry.dense_points import make_layout
from selfie3d.models.dense_points import DensePointOptions
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.fit.config import FitConfig, Stage
from selfie3d.pipeline.network import start
from selfie3d.pipeline.network.start import make_regressor, weights_file
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.output.files import describe
from selfie3d.pipeline.reconstructor import Reconstructor

SHORT = FitConfig(stages=(Stage(48, 3, 0.2),), refining=(Stage(48, 4, 0.2),))


@pytest.fixture(scope="module")
def weights(tmp_path_factory, default_model):
    """A network that has learnt nothing."""
    layout = make_layout(default_model, 60)
    options = DensePointOptions(
        width=4, points=len(layout), coefficients=sum(default_model.sizes) + 27, reduced=2
    )
    torch.manual_seed(0)
    network = NETWORKS.create("dense-points", **vars(options))
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    path.write_bytes(pack_weights(network, "dense-points", options, layout=layout, facts={}))
    return path


@pytest.fixture(scope="module")
def options(weights):
    return ReconstructOptions(texture_size=32, weights=str(weights), fit=SHORT)


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO)


def test_a_network_finds_coefficients_camera_and_confidence(options, photo):
    maker, steps = Reconstructor(options), []
    (face,) = maker(photo, on_step=lambda: steps.append(1))
    assert face.weights == "untrained" and maker.steps == len(steps) == 1
    assert face.landmark_sigma.shape == (68,) and bool((face.landmark_sigma > 0).all())
    record = json.loads(json.dumps(describe(face, photo, "x.jpg", [])))
    assert record["weights"] == "untrained" and len(record["landmark_sigma"]) == 68


def test_the_camera_is_the_network_s_own(options, photo):
    maker = Reconstructor(options)
    found = maker.detect(photo)[0]
    (begun,) = maker.regress([(photo, found)])
    face = maker.reconstruct_face(photo, found, start=begun)
    points = maker.model.landmark_points(face.vertices[None])
    expected = begun.camera.project(points)[0, :, :2]
    np.testing.assert_allclose(face.landmarks_68[:, :2], expected.numpy(), atol=0.05)
    assert torch.equal(face.coefficients.identity, begun.coefficients.identity)


def test_refining_goes_on_from_there(options, photo):
    plain = Reconstructor(options)(photo)[0]
    maker, steps = Reconstructor(replace(options, refine=True)), []
    (face,) = maker(photo, on_step=lambda: steps.append(1))
    assert face.weights == "untrained, refined" and maker.steps == len(steps) == 4
    moved = (face.coefficients.identity - plain.coefficients.identity).abs()
    assert 0 < float(moved.max()) < 1.0


def test_fit_takes_no_network(default_model):
    assert make_regressor("fit", default_model) is None and weights_file("fit") is None


def test_without_shipped_weights_the_optimiser_works_alone(default_model, monkeypatch):
    monkeypatch.setattr(start, "weight_names", list)
    assert make_regressor(None, default_model) is None and weights_file(None) is None


def test_another_face_model_is_fitted_or_refused(small_model, weights):
    assert make_regressor(None, small_model) is None
    with pytest.raises(InputError, match=r"face model 'small'.*'fit'"):
        make_regressor(str(weights), small_model)


def test_weights_for_a_model_from_a_file(default_model, weights, tmp_path):
    """Which no name leads to: the model that the user gives is taken."""
    mine = copy(default_model)
    mine.name = "mine"
    layout = replace(load_weights(weights).layout, face_model="mine")
    built = load_weights(weights)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(
        pack_weights(built.network, built.architecture, built.options, layout=layout, facts={})
    )
    assert make_regressor(str(path), mine).model is mine
    with pytest.raises(InputError, match=r"'mine'.*'fit'"):
        make_regressor(str(path), default_model)


def test_weights_that_are_not_there(default_model):
    with pytest.raises(MissingFileError, match="nowhere"):
        make_regressor("nowhere/x.safetensors", default_model)
    with pytest.raises(UnknownNameError, match="defautl"):
        make_regressor("defautl", default_model)
