"""A photograph in, a textured face out: the whole way, with a short fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import selfie3d
import torch
from selfie3d.core.errors import InputError, NoFaceError, SettingError, UnknownNameError
from selfie3d.core.image_file import read_image
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.fit.config import FitConfig, Stage
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.reconstructor import Reconstructor

SHORT = ReconstructOptions(
    texture_size=64, weights="fit", fit=FitConfig(stages=(Stage(48, 15, 0.2),))
)


@pytest.fixture(scope="module")
def reconstructor():
    return Reconstructor(SHORT)


@pytest.fixture(scope="module")
def face():
    faces = selfie3d.reconstruct(PHOTO, SHORT)
    assert len(faces) == 1
    return faces[0]


def test_tables_that_are_made_ahead_are_those_made_when_needed(monkeypatch):
    ahead, usual = Reconstructor(SHORT), Reconstructor(SHORT)
    ahead.prepare_textures()
    np.testing.assert_array_equal(ahead.textures.atlas.strands, usual.textures.atlas.strands)
    assert ahead.textures is ahead.textures and ahead.textures.size == SHORT.texture_size

    def fail(*given):
        raise MemoryError("no room for tables")

    monkeypatch.setattr("selfie3d.pipeline.reconstructor.TextureBuilder", fail)
    without = Reconstructor(SHORT)
    without.prepare_textures()
    with pytest.raises(MemoryError, match="no room"):
        _ = without.textures


def test_landmarks_lie_on_the_face_of_the_photograph(face, reconstructor):
    picture = read_image(PHOTO)
    points = reconstructor.detector.detect(picture)[0].points
    own = face.landmarks_68
    assert own.shape == (68, 3) and own.dtype == np.float32 and np.isfinite(own).all()
    eyes = np.stack([own[36:42, :2].mean(0), own[42:48, :2].mean(0)])
    unit = np.linalg.norm(points[0] - points[1])
    assert np.abs(eyes - points[:2]).max() < 0.15 * unit
    assert np.abs(own[[30, 48, 54], :2] - points[2:]).max() < 0.2 * unit
    x0, y0, x1, y1 = face.box
    middle = own[:, :2].mean(0)
    assert x0 < middle[0] < x1 and y0 < middle[1] < y1 and 0.9 < face.score <= 1
    assert own[30, 2] > own[36:48, 2].max()  # the nose tip is nearer the camera


def test_pose_is_plausible(face):
    assert set(face.pose_deg) == {"pitch", "yaw", "roll"}
    assert all(abs(angle) < 35 for angle in face.pose_deg.values())


def test_mesh_is_textured_and_life_size(face):
    mesh = face.mesh()
    assert 100 < mesh.extents[0] < 260 and 120 < mesh.extents[1] < 320
    assert mesh.visual.material.baseColorTexture.size == (64, 64)
    assert face.vertices.shape == face.model.mean.shape
    skin = np.asarray(mesh.visual.material.baseColorTexture)[24:40, 24:40].mean((0, 1))
    assert skin[0] > skin[2]  # skin is redder than blue


def test_saved_glb_is_in_metres_and_at_rest(face, tmp_path):
    trimesh = pytest.importorskip("trimesh")
    face.save_glb(tmp_path / "face.glb")
    saved = trimesh.load(tmp_path / "face.glb", force="mesh")
    rest = face.animate({}, neutral=True).mesh()
    assert np.allclose(saved.extents, rest.extents / 1000, atol=1e-5)


@pytest.mark.parametrize("ipd", [0.064, 6.4, 34.9, 90.1, float("nan")])
def test_pupils_that_nobody_has(ipd):
    with pytest.raises(InputError, match=r"ipd: expected the pupils' distance, 35 to 90 mm"):
        ReconstructOptions(ipd=ipd)


def test_meshes_and_outputs_by_name(small_model, monkeypatch):
    with pytest.raises(UnknownNameError, match="Known: depth, glb, json"):
        ReconstructOptions(write=("depths",))
    with pytest.raises(InputError, match="mesh: expected one of head, face, got 'mask'"):
        ReconstructOptions(mesh="mask")
    with pytest.raises(InputError, match=r"detector: .* Did you mean 'mtcnn'\?"):
        ReconstructOptions(detector="mtcn")
    with pytest.raises(InputError, match="glasses: expected one of keep, remove"):
        ReconstructOptions(glasses="on")
    monkeypatch.setattr("selfie3d.pipeline.network.start.load_face_model", lambda _: small_model)
    with pytest.raises(SettingError, match="'face' of the shipped model only"):
        Reconstructor(ReconstructOptions(mesh="face", weights="fit"))


def test_renders_from_any_side(face):
    front, left, right = (face.render((0.0, yaw, 0.0), size=48) for yaw in (0.0, -45.0, 45.0))
    assert front.shape == (48, 48, 3) and front.dtype == np.uint8
    covered = (front != 64).any(2)
    assert 0.15 < covered.mean() < 0.95
    assert not np.array_equal(left, right)
    assert face.render_shape(size=48).shape == (48, 48, 3)


def test_array_and_path_are_the_same_and_repeatable(face, reconstructor):
    steps: list[int] = []
    again = reconstructor(read_image(PHOTO), on_step=lambda: steps.append(1))[0]
    for name, value in vars(again.coefficients).items():
        assert torch.equal(value, getattr(face.coefficients, name)), name
    assert np.array_equal(again.landmarks_68, face.landmarks_68)
    assert torch.equal(again.texture.image, face.texture.image)
    assert len(steps) == reconstructor.steps >= 15


def test_several_faces_largest_first(reconstructor):
    """The photograph beside itself at a smaller size."""
    picture = read_image(PHOTO)
    both = np.zeros((picture.shape[0], picture.shape[1] * 3 // 2, 3), np.uint8)
    both[:, : picture.shape[1]] = picture
    small = picture[::2, ::2][:, : both.shape[1] - picture.shape[1]]
    both[: small.shape[0], picture.shape[1] : picture.shape[1] + small.shape[1]] = small
    found = reconstructor.detect(both)
    widths = [f.box[2] - f.box[0] for f in found]
    assert len(found) == 2 and widths[0] > 1.6 * widths[1]
    second = reconstructor.reconstruct_face(both, found[1])
    nose = second.landmarks_68[30]
    assert found[1].box[0] < nose[0] < found[1].box[2]
    only = replace(SHORT, max_faces=1)
    reconstructor.options = only
    assert len(reconstructor.detect(both)) == 1
    reconstructor.options = SHORT


def test_no_face(reconstructor):
    with pytest.raises(NoFaceError, match="320 x 240"):
        reconstructor(np.full((240, 320, 3), 90, np.uint8))


def test_missing_photo(reconstructor, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        reconstructor(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize(
    ("options", "named"),
    [({"max_faces": 0}, "max_faces"), ({"texture_size": 8}, "texture size")],
)
def test_bad_options(options, named):
    with pytest.raises(InputError, match=named):
        ReconstructOptions(**options)
