"""Dense labels agree with each other and with plain geometry."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.datasets.synthetic import supervision
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.facemodels.registry import load_face_model
from selfie3d.geometry.uv import UVMapper


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def face():
    faces = SyntheticFaces(SyntheticConfig(size=96, seed=3))
    return next(f for f in map(faces.item, range(50)) if abs(f.rotation[0, 2]) < 0.3)


def test_points_are_projected_vertices(face, model):
    vertices = supervision.dense_vertices(face, model)
    points = supervision.dense_points(face, model)
    in_camera = vertices @ face.rotation.T + face.translation
    x = face.centre[0] - face.focal * in_camera[:, 0] / in_camera[:, 2]
    y = face.centre[1] + face.focal * in_camera[:, 1] / in_camera[:, 2]
    np.testing.assert_allclose(points[:, 0], x, atol=5e-3)
    np.testing.assert_allclose(points[:, 1], y, atol=5e-3)


def test_normals_are_unit_and_turn_with_the_head(face, model):
    normals = supervision.dense_normals(face, model)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-4)
    tip = model.landmark_set("ibug68").vertices[30, 0]
    assert normals[tip] @ face.rotation[:, 2] > 0.5  # the nose points along the head's own z


def test_depth_is_that_of_the_visible_vertices(face, model):
    depth = supervision.depth_map(face, model)
    visible = supervision.vertex_visibility(face, model)
    assert 0.2 < visible.mean() < 0.75
    points = supervision.dense_points(face, model)[visible]
    distance = -(supervision.dense_vertices(face, model)[visible] @ face.rotation[2])
    distance -= face.translation[2]
    x, y = np.floor(points[:, :2]).astype(int).T
    there = depth[y, x]
    hit = there > 0
    assert hit.mean() > 0.95
    assert np.median(np.abs(there - distance)[hit]) < 1.0


def test_the_back_of_a_face_is_hidden(face, model):
    hidden = ~supervision.vertex_visibility(face, model)
    assert hidden[supervision.dense_normals(face, model)[:, 2] < -0.1].all()


def test_position_map_gives_the_points_back(face, model):
    mapper = UVMapper(model.uv, model.uv_faces, model.faces, 128)
    uv_map = supervision.position_map(face, model, mapper)
    assert uv_map.shape == (3, 128, 128)
    import torch

    back = mapper.sample(torch.from_numpy(uv_map)[None])[0].numpy()
    skin = model.region("skin").numpy()
    points = supervision.dense_points(face, model)
    assert np.median(np.abs(back - points)[skin]) < 0.1
