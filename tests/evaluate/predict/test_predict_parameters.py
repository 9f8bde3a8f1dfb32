"""Networks of parameters as predictors: crops, layouts, detectors, wrong models."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.datasets.batches.crops import crop_of
from selfie3d.datasets.batches.sample import FaceSample
from selfie3d.detect import Face, detectors
from selfie3d.evaluate.predict.crops import CropPredictor
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.tddfa_points import is_tddfa_model, read_tddfa_points
from selfie3d.geometry.cut import cut_out
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.pipeline.network.parameters import ParameterNetwork, crop_name
from selfie3d.pipeline.network.start import open_crop_network

SIZE, BOX = 64, (60.0, 40.0, 150.0, 160.0)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 255, (200, 220, 3), dtype=np.uint8)


def weights_of(tmp_path, model, layout="3ddfa", facts=None, pivot=None):
    own = make_layout(layout, model, SIZE, pivot=pivot)
    torch.manual_seed(0)
    options = {"size": SIZE, "width": 0.25, "outputs": own.size}
    network = NETWORKS.create("mobilenet_v1", **options).eval()
    path = tmp_path / "some.safetensors"
    content = pack_weights(
        network, "mobilenet_v1", network.options, layout=own, facts=facts or {}, half=False
    )
    path.write_bytes(content)
    return load_weights(path)


def predictor_of(weights, face_model="default", *, detect=False):
    return CropPredictor(open_crop_network(weights, face_model), detect=detect)


@pytest.mark.parametrize("layout", ["3ddfa", "deep3d", "mobile_facernet"])
def test_every_layout_predicts_in_its_crop(layout, tmp_path, model, picture):
    weights = weights_of(tmp_path, model, layout)
    kind = {"3ddfa": "roi", "deep3d": "deep3d", "mobile_facernet": "tight"}[layout]
    assert crop_name(weights) == kind
    face = predictor_of(weights)(picture, BOX)
    crop = crop_of(kind, FaceSample("x", picture, box=BOX), SIZE)
    image, _ = cut_out(picture, crop.matrix, SIZE)
    with torch.no_grad():
        faces = weights.parameters.decode(weights.network(image[None]))
    vertices = model.vertices(faces.coefficients)
    points = faces.camera.project(model.landmark_points(vertices))[0, :, :2]
    expected = crop.to_photo(points.double()).numpy()
    np.testing.assert_allclose(face.landmarks_68[:, :2], expected, atol=0.02)
    assert face.box == BOX


def test_the_training_crop_counts(tmp_path, model):
    facts = {"configuration": {"data": {"crop": "sadrnet"}}}
    assert crop_name(weights_of(tmp_path, model, facts=facts)) == "sadrnet"
    odd = {"configuration": {"data": {"crop": "unheard-of"}}}
    assert crop_name(weights_of(tmp_path, model, facts=odd)) == "roi"


def test_where_a_detector_finds_the_face(tmp_path, model, picture, monkeypatch):
    five = np.array([[80.0, 80], [120, 80], [100, 105], [85, 130], [115, 130]])
    found = [Face((62.0, 45.0, 140.0, 160.0), 0.99, five)]
    detector = SimpleNamespace(detect=lambda image: found)
    monkeypatch.setattr(detectors, "get_face_detector", lambda name="auto": detector)
    predictor = predictor_of(weights_of(tmp_path, model), detect=True)
    face = predictor(picture, BOX)
    assert face.box == found[0].box
    assert predictor(picture, None).box == found[0].box
    with pytest.raises(NoFaceError):
        predictor(picture, (0.0, 0.0, 20.0, 20.0))
    given = predictor_of(weights_of(tmp_path, model))(picture, BOX)
    assert np.abs(given.landmarks_68 - face.landmarks_68).max() > 0.5


def test_wrong_models_are_named(tmp_path, model):
    weights = weights_of(tmp_path, model)
    with pytest.raises(InputError, match="default-face"):
        open_crop_network(weights, load_face_model("default-face"))
    with pytest.raises(InputError, match="network of parameters"):
        ParameterNetwork(load_weights("default"), model)


def test_3ddfas_own_model(tmp_path, picture, shared_data):
    """Weights do not say where it lies: its folder does."""
    folder = shared_data("models", "3ddfa")
    assert is_tddfa_model(folder) and not is_tddfa_model("default")
    points = read_tddfa_points(folder)
    weights = weights_of(tmp_path, points.model, pivot=points.origin.tolist())
    face = predictor_of(weights, str(folder))(picture, BOX)
    assert face.landmarks_68.shape == (68, 3)
    middle = face.landmarks_68[:, :2].mean(0)
    assert np.linalg.norm(middle - [105, 100]) < 60
    with pytest.raises(InputError, match="3ddfa-68"):
        predictor_of(weights)
