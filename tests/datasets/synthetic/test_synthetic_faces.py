"""The labels of synthetic faces agree with the face model, the camera and the picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.facemodels.registry import load_face_model
from selfie3d.geometry.align import similarity_align
from selfie3d.geometry.mesh import vertex_normals


@pytest.fixture(scope="module")
def faces():
    return SyntheticFaces(SyntheticConfig(size=96, seed=5))


@pytest.fixture(scope="module")
def items(faces):
    return [faces.item(i) for i in range(12)]


@pytest.mark.parametrize("name", ["ibug68", "300w-lp"])
@pytest.mark.parametrize("model_name", ["default", "default-face"])
def test_landmarks_are_those_of_the_coefficients(items, name, model_name):
    model = load_face_model(model_name)
    for face in items:
        points = model.landmark_points(model.vertices(face.coefficients()), name)
        projected = face.camera().project(points)[0].numpy()
        np.testing.assert_allclose(face.landmarks[name], projected, atol=5e-3)


def test_turns_scale_the_three_angles(items):
    """Of the same heads: R = about_z(roll) about_x(pitch) about_y(yaw)."""

    def angles(face):
        r = face.rotation.astype(np.float64)
        return np.array([np.arcsin(-r[2, 1]), np.arctan2(r[2, 0], r[2, 2]),
                         np.arctan2(r[0, 1], r[1, 1])])  # fmt: skip

    fewer = SyntheticFaces(SyntheticConfig(size=32, seed=5, turns=0.4))
    for index, face in enumerate(items[:5]):
        small = fewer.item(index)
        np.testing.assert_array_equal(small.identity, face.identity)
        assert np.abs(angles(face)).max() > 0.03
        np.testing.assert_allclose(angles(small), 0.4 * angles(face), atol=1e-5)
    with pytest.raises(InputError, match="turns"):
        SyntheticConfig(turns=1.1)


def test_shapes_types_and_ranges(items, faces):
    for face in items:
        assert face.image.shape == (96, 96, 3) and face.image.dtype == np.uint8
        assert face.identity.shape == (120,) and face.albedo.shape == (faces.head.model.sizes[2],)
        assert face.expression.min() >= 0 and face.expression.max() <= 1
        assert face.light.shape == (9, 3) and np.isfinite(face.light).all()
        assert face.skin_mask.shape == (96, 96) and face.skin_mask.dtype == bool
        np.testing.assert_allclose(face.rotation @ face.rotation.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(face.rotation) == pytest.approx(1, abs=1e-6)
        assert face.translation[2] < -400


def test_coefficients_survive_float16(items):
    for face in items:
        for values in (face.identity, face.expression, face.albedo):
            np.testing.assert_array_equal(values.astype(np.float16).astype(np.float32), values)


def test_the_crop_is_framed_as_the_protocol_says(items):
    for face in items:
        low, high = (f(face.landmarks["300w-lp"][:, :2], axis=0) for f in (np.min, np.max))
        side = (high - low).max() * np.sqrt(2)
        assert 0.9 * 96 / 1.25 < side < 1.11 * 96 / 1.25
        assert np.abs((low + high) / 2 - 48).max() < 0.05 * 96


def test_an_item_depends_on_nothing_but_seed_and_index(faces, items):
    again = SyntheticFaces(faces.config)
    for index in (7, 2):
        face = again.item(index)
        np.testing.assert_array_equal(face.image, items[index].image)
        np.testing.assert_array_equal(face.landmarks["ibug68"], items[index].landmarks["ibug68"])
    other = SyntheticFaces(SyntheticConfig(size=96, seed=6)).item(2)
    assert (other.identity != items[2].identity).any()


def test_threads_change_nothing(faces, items):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 3)
        np.testing.assert_array_equal(faces.item(4).image, items[4].image)
    finally:
        torch.set_num_threads(before)


def test_bare_faces_fill_what_the_model_covers():
    """Without hair, things in front, or a poor camera, the mask is the model's own silhouette."""
    bare = {n: 0.0 for n in ("hair", "glasses", "occluder", "border", "degradation", "beard")}
    faces = SyntheticFaces(SyntheticConfig(size=96, seed=1, **bare))
    model = load_face_model("default")
    from selfie3d.render.face import FaceRenderer

    renderer = FaceRenderer(model.faces)
    face_only = model.region("face").float()[None, :, None]
    for index in range(3):
        face = faces.item(index)
        vertices = model.vertices(face.coefficients())
        drawn = renderer(
            vertices, face.camera(), (96, 96), albedo=torch.ones_like(vertices), extras=face_only
        )
        expected = drawn.extras[0, 0].numpy() > 0.5
        differing = (face.skin_mask != expected).mean()
        assert differing < 0.02, (index, differing)


def test_light_label_explains_the_shading():
    """Harmonics times albedo predict the skin's colours far better than their mean does."""
    plain = {n: 0.0 for n in ("hair", "glasses", "occluder", "border", "degradation", "shadow")}
    faces = SyntheticFaces(SyntheticConfig(size=96, seed=2, beard=0.0, **plain))
    model = load_face_model("default")
    from selfie3d.render.face import FaceRenderer

    renderer = FaceRenderer(model.faces)
    for index in range(3):
        face = faces.item(index)
        coefficients = face.coefficients()
        drawn = renderer(
            model.vertices(coefficients),
            face.camera(),
            (96, 96),
            albedo=model.albedo(coefficients),
            light=coefficients.light,
        )
        inside = face.skin_mask & (drawn.mask[0, 0].numpy() > 0.99)
        seen = face.image[inside] / 255.0
        predicted = drawn.image[0].permute(1, 2, 0).numpy()[inside].clip(0, 1)
        assert ((seen - predicted) ** 2).mean() < 0.5 * seen.var(0).mean()


def test_visible_landmarks_face_the_camera(items, faces):
    """In a profile the far side's jaw is hidden and the near side's is not."""
    model = faces.head.model
    checked = 0
    for face in items:
        yaw = np.rad2deg(np.arcsin(-face.rotation[0, 2]))
        normals = vertex_normals(model.vertices(face.coefficients()), model.faces)[0].numpy()
        jaw = model.landmark_set("ibug68").vertices[:17, 0].numpy()
        towards = (normals[jaw] @ face.rotation.T)[:, 2]
        if abs(yaw) > 40:
            checked += 1
            assert not face.visible[:17][towards < -0.5].any()
    assert checked >= 2


def test_the_model_moves_as_its_own_vertices(faces, items):
    """The level-0 short cut gives the vertices that the model gives."""
    model, face = faces.head.model, items[3]
    own = faces.head.vertices(face.identity, face.expression)
    expected = model.vertices(face.coefficients())
    np.testing.assert_allclose(own, expected[0].numpy(), atol=2e-3)
    moved = similarity_align(torch.from_numpy(own)[None], expected)
    assert float(moved.scale) == pytest.approx(1, abs=1e-5)


def test_refuses_what_it_cannot_draw(faces, tmp_path):
    with pytest.raises(InputError, match="index"):
        faces.item(-1)
    with pytest.raises(InputError, match="face model default"):
        SyntheticFaces(SyntheticConfig(), load_face_model("default-face"))
    with pytest.raises(InputError, match="hair"):
        SyntheticConfig(hair=1.5)
    with pytest.raises(MissingFileError):
        SyntheticFaces(SyntheticConfig(backgrounds=str(tmp_path / "none")), faces.head.model)
    with pytest.raises(InputError, match="photographs"):
        SyntheticFaces(SyntheticConfig(backgrounds=str(tmp_path)), faces.head.model)


def test_the_users_photographs_stand_behind_faces(faces, tmp_path):
    """With a red photograph behind them, many faces have red corners; without, hardly any."""
    from PIL import Image

    Image.new("RGB", (300, 200), (255, 0, 0)).save(tmp_path / "red.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "odd.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    os.mkfifo(tmp_path / "pipe.png")
    plain = {n: 0.0 for n in ("occluder", "border", "degradation")}
    red = []
    for folder in (str(tmp_path), ""):
        config = SyntheticConfig(size=48, seed=8, backgrounds=folder, **plain)
        drawn = SyntheticFaces(config, faces.head.model)
        assert [Path(p.split(":")[0]).name for p in drawn.problems] == (
            ["odd.jpg", "pipe.png"] if folder else []
        )
        corners = np.stack([drawn.item(i).image[0, 0] for i in range(30)]).astype(int)
        channels = np.sort(corners, 1)
        red.append(((channels[:, 2] > 60) & (channels[:, 1] < 5)).mean())
    assert red[0] > 0.3 and red[1] < 0.1
