"""Mirror images: what is said of them is what would be said of mirrored faces."""

from __future__ import annotations

import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficients import vector_to_coefficients
from selfie3d.geometry.dense_points import make_layout, points_of
from selfie3d.models.heads.points import PointPrediction
from selfie3d.pipeline.network.mirrored import PredictionMirror


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def layout(model):
    return make_layout(model, 40)


def of_faces(model, layout, vector):
    """What an exact network says of faces that look into the camera from far away."""
    c = vector_to_coefficients(vector, model.sizes)
    points = points_of(model, layout, model.vertices(c)) / 200
    points = points * torch.tensor([1.0, -1.0, 1.0])
    width = torch.arange(8.0).expand(len(vector), 16, 8, 8)
    return PointPrediction(points, points[..., 0], vector, points[..., 1], width)


def some_faces(model, count):
    g = torch.Generator().manual_seed(0)
    return torch.randn(count, sum(model.sizes) + 27, generator=g)


def test_exact_words_of_mirrored_faces_are_mirrored_words(model, layout):
    """Shapes by mirrored coefficients are the mirrored shapes, to the model's own asymmetry."""
    said = of_faces(model, layout, some_faces(model, 3))
    mirrored = PredictionMirror.of(model, layout)(said)
    again = of_faces(model, layout, mirrored.coefficients)
    torch.testing.assert_close(again.points, mirrored.points, atol=2e-3, rtol=0)
    assert (mirrored.points - said.points).abs().max() > 0.05
    torch.testing.assert_close(mirrored.segmentation, 7 - said.segmentation)


def test_mirrored_twice_is_as_it_was(model, layout):
    mirror = PredictionMirror.of(model, layout)
    said = of_faces(model, layout, some_faces(model, 2))
    for one, other in zip(mirror(mirror(said)), said, strict=True):
        torch.testing.assert_close(one, other)


def test_both_views_count_alike(model, layout):
    """A network that always answers the same is heard once as it is and once mirrored."""
    mirror = PredictionMirror.of(model, layout)
    said = of_faces(model, layout, some_faces(model, 1))

    def predict(images):
        assert torch.equal(images[1], images[0].flip(2))
        return PointPrediction(*(value.expand(2, *value.shape[1:]) for value in said))

    seen = mirror.seen(predict, torch.rand(1, 3, 8, 8))
    torch.testing.assert_close(seen.points, (said.points + mirror(said).points) / 2)
    torch.testing.assert_close(seen.coefficients, mirror(seen).coefficients)
