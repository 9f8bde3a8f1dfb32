"""Scans, landmarks and material files by strangers: what is odd is named, the rest not opened."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.evaluate.protocols.now_data import read_box, read_picked_points
from selfie3d.evaluate.scans.mesh_file import read_mesh
from selfie3d.evaluate.scans.scan import load_scan, read_landmarks

OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
POINTS = {"36": [0, 0, 0], "45": [1, 0, 0], "30": [0, 1, 0]}


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ + "f 1/1 2/2 3/3\n" * 20)
    marks = {"mm_per_unit": 1.0, "ibug68": POINTS}
    (tmp_path / "a.landmarks.json").write_text(json.dumps(marks))
    for name, level in (("skin tone.png", 255), ("other.png", 0)):
        Image.fromarray(np.full((4, 4, 3), level, np.uint8)).save(tmp_path / name)
    return tmp_path / "a.obj"


@pytest.mark.parametrize(
    "line",
    [
        "map_Kd skin tone.png",
        "  MAP_KD -s 1 1 1 -clamp on skin tone.png",
        "map_Kd C:\\x\\skin tone.png",
        "map_Kd /etc/skin tone.png",
    ],
)
def test_the_texture_that_the_material_names(scan, line):
    scan.with_suffix(".mtl").write_text(f"newmtl a\n{line}\nmap_Kd other.png\n")
    assert float(load_scan(scan).texture.min()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "map_Kd",
        "map_Kd ..",
        "map_Kd /etc/passwd",
        "map_Kd a\0b.png",
        "map_Kd |ls",
        "\xff",
        "map_Kd " + "a" * 5000,
    ],
)
def test_a_material_that_names_nothing_beside_the_scan(scan, text):
    scan.with_suffix(".mtl").write_bytes(text.encode("latin1"))
    assert load_scan(scan).texture is None


@pytest.mark.parametrize(
    "content",
    [
        {"mm_per_unit": 1.0, "ibug68": {"-1": [0, 0, 0]}},
        {"mm_per_unit": 1.0, "ibug68": {"68": [0, 0, 0]}},
        {"mm_per_unit": 1.0, "ibug68": {"30": 5}},
        {"mm_per_unit": 1.0, "ibug68": {"30": [1, 2]}},
        {"mm_per_unit": 1.0, "ibug68": {"30": [1, 2, "3"]}},
        {"mm_per_unit": 1.0, "ibug68": {"30": [1, 2, 1e999]}},
        {"mm_per_unit": 1.0, "ibug68": [1]},
        {"mm_per_unit": True, "ibug68": POINTS},
        {"mm_per_unit": 1e300, "ibug68": POINTS},
        {"mm_per_unit": "1", "ibug68": POINTS},
        [1],
    ],
)
def test_landmarks_that_are_none(tmp_path, content):
    path = tmp_path / "a.landmarks.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"a\.landmarks\.json"):
        read_landmarks(path)
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="no JSON"):
        read_landmarks(path)


@pytest.mark.parametrize(
    "text, problem",
    [
        (OBJ.replace("f 1/1", "f 0/1"), "a vertex 0, where they are counted from 1"),
        (OBJ.replace("v 1 0 0", "v 1 nan 0"), "finite"),
        (OBJ.replace("v 1 0 0", "v 1 0"), "3 finite numbers per v line"),
        (OBJ.replace("vt 1 0", "vt 1"), "2 finite numbers per vt line"),
        (OBJ.replace("3/3", "9/3"), r"obj: f: expected indices in 1\.\.3, got 1\.\.9"),
        (OBJ.replace("3/3", "99999999999999999999/3"), "a number that no mesh counts to"),
        (OBJ.replace("3/3", "3/9"), r"obj: vt: expected indices in 1\.\.3, got 1\.\.9"),
    ],
)
def test_meshes_that_are_none(tmp_path, text, problem):
    (tmp_path / "a.obj").write_text(text)
    with pytest.raises(InputError, match=problem):
        read_mesh(tmp_path / "a.obj")


def test_ply_headers_that_declare_more_than_the_file(tmp_path):
    head = "ply\nformat binary_little_endian 1.0\nelement vertex {}\nproperty float x\nend_header\n"
    for count, problem in ((10**11, "elements in"), ("x", "no header"), (-1, "no header")):
        (tmp_path / "a.ply").write_text(head.format(count))
        with pytest.raises(InputError, match=problem):
            read_mesh(tmp_path / "a.ply")


def test_now_points_and_boxes(tmp_path):
    tag = '<point x="{}" y="1" z="2"/>'
    (tmp_path / "a.pp").write_text(tag.format("1e999") * 7)
    with pytest.raises(InputError, match="finite coordinates"):
        read_picked_points(tmp_path / "a.pp")
    np.save(tmp_path / "a.npy", np.array([1.0, 2, 3, np.nan]))
    with pytest.raises(InputError, match="x0, y0, x1, y1"):
        read_box(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array([1, 2, 3, 4]))
    assert read_box(tmp_path / "a.npy") == (1, 2, 3, 4)
