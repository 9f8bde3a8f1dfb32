"""The files of one face, and the record that describes them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.geometry.segments import Segment
from selfie3d.pipeline.face import SeenSegments
from selfie3d.pipeline.output import files
from selfie3d.pipeline.output.files import STANDARD, FileOptions, describe, write_face
from selfie3d.pipeline.output.pictures import overlay_picture

PHOTO = np.random.default_rng(0).integers(0, 255, (100, 120, 3), dtype=np.uint8)
SUFFIXES = [".glb", ".obj", ".mtl", ".png", "_overlay.png", "_turntable.png", ".json"]


@pytest.fixture(scope="module")
def written(tmp_path_factory, small_face):
    out = tmp_path_factory.mktemp("out")
    return out, write_face(out, "me", small_face, PHOTO, "photos/me.jpg")


def test_every_file_and_the_record_last(written):
    out, paths = written
    assert [p.name for p in paths] == [f"me{s}" for s in SUFFIXES]
    assert {p.name for p in out.iterdir()} == {p.name for p in paths}


def test_the_record_has_what_the_format_says(written, small_face):
    out, _ = written
    record = json.loads((out / "me.json").read_text())
    assert list(record) == [
        *(
            "version",
            "image",
            "weights",
            "face_model",
            "face_model_version",
            "face_model_licence",
            "box",
            "score",
        ),
        *("landmarks_68", "landmark_sigma", "pose_deg", "camera", "size", "coefficients"),
        *("expressions", "files"),
    ]
    assert record["image"] == {"path": "photos/me.jpg", "width": 120, "height": 100}
    assert record["weights"] == "fit" and record["face_model"] == "small"
    assert record["box"] == [30, 10, 90, 90] and record["score"] == pytest.approx(0.99)
    assert set(record["pose_deg"]) == {"pitch", "yaw", "roll"}
    assert [len(record["coefficients"][k]) for k in ("identity", "expression", "albedo")] == [
        3,
        0,
        0,
    ]
    assert np.shape(record["coefficients"]["light"]) == (9, 3)
    assert record["files"] == [f"me{s}" for s in SUFFIXES[:-1]]


def test_landmarks_of_the_record_follow_from_its_camera(written, small_face, small_model):
    out, _ = written
    record = json.loads((out / "me.json").read_text())
    landmarks, camera = record["landmarks_68"], record["camera"]
    assert len(landmarks) == 68 and [i for i, p in enumerate(landmarks) if p is None] == [60, 64]
    points = small_model.landmark_points(small_face.vertices[None])[0].double().numpy()
    turned = points @ np.array(camera["rotation"]).T + camera["translation_mm"]
    f, (cx, cy) = camera["focal_px"], camera["center_px"]
    for own, (x, y, z) in zip(landmarks, turned, strict=True):
        if own is not None:
            assert own[:2] == pytest.approx([cx - f * x / z, cy + f * y / z], abs=1e-3)


@pytest.mark.parametrize(("axis", "angle"), [("pitch", 20), ("yaw", -35), ("roll", 12)])
def test_pose_in_degrees(small_face, axis, angle):
    angles = {"pitch": 0.0, "yaw": 0.0, "roll": 0.0, axis: angle}
    rotation = euler_to_matrix(torch.deg2rad(torch.tensor([list(angles.values())])))
    camera = replace(small_face.camera, rotation=rotation)
    record = describe(replace(small_face, camera=camera), PHOTO, "p", [])
    assert record["pose_deg"] == pytest.approx(angles, abs=1e-3)


def test_meshes_hold_the_texture_the_right_way_up(written):
    out, _ = written
    for name, scale in (("me.glb", 1000), ("me.obj", 1)):
        mesh = trimesh.load(out / name, force="mesh", process=False)
        assert np.allclose(mesh.extents * scale, [120, 160, 34.75], atol=0.1)
        colours = mesh.visual.to_color().vertex_colors
        top = mesh.vertices[:, 1] > 0.5 * mesh.vertices[:, 1].max()
        assert (colours[top][:, :3] == [255, 0, 0]).all()
        assert (colours[~top & (mesh.vertices[:, 1] < 0)][:, :3] == [0, 0, 255]).all()


def test_pictures(written):
    out, _ = written
    overlay = np.asarray(Image.open(out / "me_overlay.png"))
    assert overlay.shape == (384, 4 * 384, 3)
    assert not np.array_equal(overlay[:, :384], overlay[:, 384:768])  # the landmarks
    textured = overlay[:, 768:1152].astype(int)  # red above, blue below, as its texture
    assert (textured[..., 0] - textured[..., 2] > 150).sum() > 2000
    assert (textured[..., 2] - textured[..., 0] > 150).sum() > 2000
    turntable = np.asarray(Image.open(out / "me_turntable.png"))
    assert turntable.shape == (2 * 384, 5 * 384, 3)
    front = turntable[:384, 768:1152].astype(int)
    upper, lower = front[110:150, 170:210].mean((0, 1)), front[250:290, 170:210].mean((0, 1))
    assert upper[0] > upper[2] + 100 and lower[2] > lower[0] + 100
    assert (front[:4] == 64).all()
    shape = turntable[384:, 768:1152].astype(int)
    assert abs(shape[192, 192] - shape[192, 192].mean()).max() <= 1  # grey


def test_the_overlay_shows_what_the_network_sees(small_face):
    """Hair on the left half of its crop, nothing known elsewhere."""
    probabilities = torch.zeros(16, 8, 8)
    probabilities[Segment.HAIR, :, :4] = 1
    crop = Crop.from_square((60.0, 50.0), 80.0, 32)
    seen = replace(small_face, segments=SeenSegments(probabilities, crop))
    picture = np.full((120, 120, 3), 120, np.uint8)
    plain, tinted = overlay_picture(small_face, picture), overlay_picture(seen, picture)
    assert tinted.shape[1] == plain.shape[1] + 384
    panel = tinted[:, 768:1152].astype(int)
    violet = (panel[..., 2] - panel[..., 1] > 60).mean(0)
    assert 0.6 < violet.max() < 0.7  # the crop is shorter than the picture
    assert abs((violet > 0.3).mean() - violet.max() / 2) < 0.05  # its left half
    assert np.argmax(violet > 0.3) < 384 * (1 - violet.max())
    assert np.array_equal(tinted[:, 1152:], plain[:, 768:])


def test_turned_views_show_the_other_side(small_face):
    left, right = (small_face.render_shape((0.0, yaw, 0.0), 64).astype(int) for yaw in (-60, 60))
    assert abs(left - right[:, ::-1]).mean() < 12 < abs(left - right).mean()


def test_failure_in_between_leaves_no_record_and_nothing_half_written(
    tmp_path, small_face, monkeypatch
):
    def fail(path, array):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(files, "write_image", fail)
    with pytest.raises(InputError, match="No space left"):
        write_face(tmp_path, "me", small_face, PHOTO, "me.jpg")
    names = {p.name for p in tmp_path.iterdir()}
    assert not names


def test_a_face_is_overwritten_whole(tmp_path, small_face):
    first = write_face(tmp_path, "me", small_face, PHOTO, "a.jpg")
    content = {p.name: p.read_bytes() for p in first}
    again = write_face(tmp_path, "me", small_face, PHOTO, "b.jpg")
    assert again == first
    changed = [p.name for p in again if p.read_bytes() != content[p.name]]
    assert changed == ["me.json"]


def test_a_name_that_is_no_utf8(tmp_path, small_face):
    """Linux file names are bytes; the texture is found under them all the same."""
    write_face(tmp_path, "caf\udce9", small_face, PHOTO, "caf\udce9.jpg")
    assert b"map_Kd caf\xe9.png" in (tmp_path / "caf\udce9.mtl").read_bytes()
    json.loads((tmp_path / "caf\udce9.json").read_text())


def test_expressions_have_names(default_model, small_face):
    """ARKit's of the shipped model, so that nobody counts columns."""
    coefficients = default_model.zero_coefficients()
    coefficients.expression[0, default_model.expression_names.index("jawOpen")] = 0.25
    face = replace(small_face, model=default_model, coefficients=coefficients)
    named = describe(face, PHOTO, "p", [])["expressions"]
    assert len(named) == 52 and named["jawOpen"] == 0.25 and named["mouthSmileLeft"] == 0
    assert describe(small_face, PHOTO, "p", [])["expressions"] == {}


def test_the_size_is_the_models_or_the_given_one(tmp_path, small_face):
    own = describe(small_face, PHOTO, "me.jpg", [])["size"]
    assert own["from"] == "model" and own["scale"] == 1
    given = replace(small_face, ipd_mm=2 * small_face.model_ipd_mm)
    record = describe(given, PHOTO, "me.jpg", [])
    assert record["size"] == {
        "ipd_mm": pytest.approx(2 * own["ipd_mm"], abs=1e-3),
        "from": "given",
        "scale": pytest.approx(2),
    }
    assert record["camera"] == describe(small_face, PHOTO, "me.jpg", [])["camera"]
    write_face(tmp_path, "me", given, PHOTO, "me.jpg")
    glb = trimesh.load(tmp_path / "me.glb", force="mesh")
    obj = trimesh.load(tmp_path / "me.obj", force="mesh")
    extents = np.ptp(small_face.vertices.numpy(), axis=0)
    assert np.allclose(glb.extents, extents * 2 / 1000, atol=1e-6)
    assert np.allclose(obj.extents, extents * 2, atol=1e-3)


def test_maps_are_written_where_they_are_asked_for(tmp_path, small_face):
    options = FileOptions(write=[*STANDARD, "depth", "segmentation"])
    paths = write_face(tmp_path, "me", small_face, PHOTO, "me.jpg", options)
    more = ["me_depth.png", "me_segmentation.png", "me_maps.npz"]
    assert [p.name for p in paths] == [*(f"me{s}" for s in SUFFIXES[:-1]), *more, "me.json"]
    record = json.loads((tmp_path / "me.json").read_text())
    assert record["files"] == [p.name for p in paths[:-1]]
    step = record["maps"]["depth_mm_per_step"]
    with np.load(tmp_path / "me_maps.npz") as arrays:
        assert sorted(arrays) == ["depth", "segmentation"]
        depth = np.asarray(Image.open(tmp_path / "me_depth.png"))
        assert depth.dtype == np.uint16
        assert np.abs(depth * step - arrays["depth"]).max() <= step
        codes = np.asarray(Image.open(tmp_path / "me_segmentation.png"))
        assert np.array_equal(codes, arrays["segmentation"])
    assert files.faces_of("me", [p.name for p in paths]) == [1]
    assert files.recorded_files(tmp_path / "me.json") == {p.name for p in paths}
