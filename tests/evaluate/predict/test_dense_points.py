"""Places of a face model that correspond to vertices of another mesh."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from selfie3d.evaluate.predict.dense_points import DenseReader, landmark_vertices
from selfie3d.facemodels import load_face_model
from selfie3d.pipeline.predicted import PredictedFace


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def test_equal_index_reads_the_vertices_themselves(face):
    reader = DenseReader.between(face.model, face.model.mean.numpy(), np.arange(68))
    assert reader.words == "equal index, equal vertex"
    projected = face.camera.project(face.vertices[None])[0]
    np.testing.assert_allclose(reader(face), projected, rtol=1e-5)


def other_mesh(model, count=1500):
    """Places on the face's triangles in another order, unit and pose; and where they are ours."""
    random = np.random.default_rng(1)
    faces = model.faces[model.region("face")[model.faces].all(1)].numpy()
    corners = faces[random.choice(len(faces), count, replace=False)]
    weights = random.dirichlet([2, 2, 2], count)
    places = np.einsum("kc,kcd->kd", weights, model.mean.numpy()[corners])
    turn = Rotation.from_euler("xyz", [0.05, 0.1, -0.05]).as_matrix()
    return corners, weights, places, 1000 * places @ turn.T + [3e4, -2e4, 5e4]


def test_places_of_another_mesh_are_found_again(model, face):
    """In micrometres, turned and moved: the predicted places are those of the same triangles."""
    corners, weights, places, mean = other_mesh(model)
    marks = model.landmark_points(model.mean[None], "300w-lp")[0].numpy()
    near = np.linalg.norm(places[:, None] - marks[None], axis=2).argmin(0)
    reader = DenseReader.between(model, mean, near)
    assert len(reader.kept) > 0.9 * len(mean) and "mm away" in reader.words
    vertices = face.vertices.numpy()
    true = np.einsum("kc,kcd->kd", weights, vertices[corners])
    shown = face.camera.project(torch.from_numpy(true[None]).float())[0].numpy()
    apart = np.linalg.norm(reader(face) - shown[reader.kept], axis=1)
    assert np.median(apart) < 1.0  # pixels, of a face of 100


def test_landmarks_are_looked_up():
    points = np.random.default_rng(0).normal(size=(300, 3))
    chosen = np.random.default_rng(1).choice(300, 68, replace=False)
    assert (landmark_vertices(points, points[chosen].T) == chosen).all()


def test_a_surface_of_its_own_counts(model, face):
    """A network of UV maps has vertices that are no coefficients'."""
    moved = PredictedFace(
        face.model, face.coefficients, face.camera, face.box, surface=face.vertices[None] + 5.0
    )
    reader = DenseReader.by_index(len(model.mean))
    assert np.abs(reader(moved) - reader(face)).max() > 1
