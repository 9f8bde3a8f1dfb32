"""Networks of UV maps as predictors: the crop, the way back, the network's own vertices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.crops import crop_of
from selfie3d.datasets.batches.sample import FaceSample
from selfie3d.evaluate.predict.predictor import load_predictor
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.cut import cut_out
from selfie3d.models.registry import NETWORKS
from selfie3d.models.sadrnet.layout import UvLayout, UvSpec
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.pipeline.network.maps import MapNetwork
from selfie3d.pipeline.network.start import open_crop_network

SIZE, BOX = 64, (60.0, 40.0, 150.0, 160.0)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    network = NETWORKS.create("sadrnet", size=SIZE, width=4).eval()
    path = tmp_path_factory.mktemp("maps") / "maps.safetensors"
    spec = UvSpec("default", SIZE, SIZE)
    path.write_bytes(
        pack_weights(network, "sadrnet", network.options, layout=spec, facts={}, half=False)
    )
    return path


def test_points_come_from_the_networks_own_surface(file):
    model = load_face_model("default")
    picture = np.random.default_rng(0).integers(0, 255, (200, 220, 3), dtype=np.uint8)
    face = load_predictor(str(file))(picture, BOX)
    crop = crop_of("sadrnet", FaceSample("x", picture, box=BOX), SIZE)
    image, _ = cut_out(picture, crop.matrix, SIZE)
    weights = load_weights(file)
    with torch.no_grad():
        faces = UvLayout(weights.maps, model).decode(weights.network(image[None]))
    points = faces.camera.project(model.landmark_points(faces.vertices, "ibug68"))[0, :, :2]
    expected = crop.to_photo(points.double()).numpy()
    np.testing.assert_allclose(face.landmarks_68[:, :2], expected, atol=0.05)
    np.testing.assert_allclose(face.vertices, faces.vertices[0], atol=1e-4)
    fitted = model.vertices(face.coefficients)[0]
    assert float((fitted - faces.vertices[0]).norm(dim=1).max()) > 0.01


def test_other_weights_and_models_are_refused(file):
    with pytest.raises(InputError, match="UV maps"):
        MapNetwork(load_weights("default"), load_face_model("default"))
    with pytest.raises(InputError, match="default-face"):
        open_crop_network(load_weights(file), load_face_model("default-face"))
