"""Maps in the photograph's frame: what is known of the face stands at its pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import UnknownNameError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.segments import Segment
from selfie3d.pipeline.face import ReconstructedFace, SeenSegments
from selfie3d.pipeline.output import maps
from selfie3d.pipeline.output.maps import PhotoMaps, photo_maps, write_maps
from selfie3d.pipeline.texture import Texture

SIZE = (200, 240)


@pytest.fixture(scope="module")
def face(default_model):
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[20.0, 10, -700]]),
        torch.tensor([500.0]),
        torch.tensor([[120.0, 100.0]]),
    )
    texture = Texture(torch.full((3, 16, 16), 0.5), torch.ones(1, 16, 16))
    own = default_model.zero_coefficients()
    whole = ReconstructedFace(default_model, own, camera, (0, 0, 9, 9), texture, 0.9)
    return whole.animate({"jawOpen": 0.5})


@pytest.fixture(scope="module")
def found(face):
    return photo_maps(face, SIZE)


def pixel(face, name, index):
    x, y, _ = face.camera.project(face.model.landmark_points(face.vertices[None]))[0, index]
    return int(y), int(x)


def test_depth_at_the_nose_is_its_distance(face, found):
    points = face.camera.to_camera(face.model.landmark_points(face.vertices[None]))[0]
    nose = pixel(face, "ibug68", 30)
    assert found.depth[nose] == pytest.approx(-float(points[30, 2]), abs=1.5)
    assert found.depth[found.depth > 0].min() > found.depth[nose] - 5
    assert found.depth[0, 0] == 0 and found.depth.shape == SIZE and found.depth.dtype == np.float32


def test_true_size_scales_depth_alone(face, found):
    larger = photo_maps(replace(face, ipd_mm=1.2 * face.model_ipd_mm), SIZE)
    assert np.allclose(larger.depth, 1.2 * found.depth, rtol=1e-5)
    assert np.array_equal(larger.normals, found.normals)


def test_normals_look_at_the_viewer(found):
    there = found.depth > 0
    lengths = np.linalg.norm(found.normals, axis=-1)
    assert np.allclose(lengths[there], 1, atol=1e-4) and not lengths[~there].any()
    columns = np.nonzero(there.any(0))[0]
    left, right = (np.median(found.normals[:, c][there[:, c], 0]) for c in columns[[3, -4]])
    assert left < -0.3 and right > 0.3  # x is to the right
    assert (found.normals[there][:, 2] > 0).mean() > 0.95


def test_the_heads_own_parts_where_no_network_looked(face, found):
    codes = found.segmentation
    assert codes.dtype == np.uint8 and codes[0, 0] == Segment.BACKGROUND
    assert codes[pixel(face, "ibug68", 30)] == Segment.SKIN
    present = set(np.unique(codes))
    assert {Segment.BROWS, Segment.LIPS, Segment.SCLERA, Segment.IRIS, Segment.EARS} <= present
    assert {Segment.NECK, Segment.TEETH} <= present
    assert np.array_equal(codes > 0, found.depth > 0)


def test_what_the_network_saw_lies_where_it_saw_it(face):
    """A crop that is turned and enlarged; half of it is hair."""
    probabilities = torch.zeros(16, 8, 8)
    probabilities[Segment.SKIN], probabilities[Segment.HAIR, :4] = 0.6, 0.9
    crop = Crop.from_square((100.0, 80.0), 64.0, 32)
    seen = photo_maps(replace(face, segments=SeenSegments(probabilities, crop)), SIZE)
    codes = seen.segmentation
    assert (codes[50:76, 70:130] == Segment.HAIR).all()
    assert (codes[84:110, 70:130] == Segment.SKIN).all()
    assert not codes[:48].any() and not codes[:, :68].any() and not codes[112:].any()


def test_tiles_make_no_seams(face, found, monkeypatch):
    monkeypatch.setattr(maps, "_TILE", 37)
    tiled = photo_maps(face, SIZE)
    assert np.abs(tiled.depth - found.depth).max() < 0.05
    assert (tiled.segmentation != found.segmentation).mean() < 1e-3


def test_a_face_that_is_partly_outside(face):
    matrix = torch.tensor([[1.0, 0, -130], [0, 1.0, -90]])
    moved = replace(face, camera=face.camera.moved(matrix))
    cut = photo_maps(moved, (60, 50))
    whole = photo_maps(face, SIZE)
    assert np.abs(cut.depth - whole.depth[90:150, 130:180]).max() < 0.05


def test_only_what_is_asked_for(face):
    found = photo_maps(face, SIZE, ["normals"])
    assert found.depth is None and found.segmentation is None and found.normals is not None
    with pytest.raises(UnknownNameError, match="Did you mean 'normals'"):
        photo_maps(face, SIZE, ["normal"])


def test_far_faces_have_coarser_steps(tmp_path):
    far = PhotoMaps(depth=np.full((2, 2), 20_000.0, np.float32))
    assert far.depth_step_mm == pytest.approx(0.4)
    write_maps(tmp_path, "far", far)
    assert far.describe() == {"depth_mm_per_step": pytest.approx(0.4)}
    assert PhotoMaps(depth=np.ones((2, 2), np.float32)).depth_step_mm == pytest.approx(0.1)


def test_normals_as_a_picture(tmp_path, found):
    from PIL import Image

    write_maps(tmp_path, "me", PhotoMaps(normals=found.normals))
    coded = np.asarray(Image.open(tmp_path / "me_normals.png")).astype(float)
    there = found.normals.any(-1)
    assert np.abs(coded[there] / 127.5 - 1 - found.normals[there]).max() < 0.006
    assert not coded[~there].any()
