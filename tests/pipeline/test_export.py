"""Files of a mesh: read back by trimesh, colour where it belongs, whole or not there."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
import trimesh
from selfie3d.core.whole_file import write_bytes
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh
from selfie3d.pipeline.formats.head_glb import HeadFile
from selfie3d.pipeline.formats.obj import textured_mesh, write_textured_obj

# A folded square, mm, whose fold is a seam of the texture: the two middle vertices have two
# texture coordinates each.
VERTICES = torch.tensor(
    [[0.0, 0, 0], [40, 0, 30], [80, 0, 0], [0, 50, 0], [40, 50, 30], [80, 50, 0]]
)
FACES = torch.tensor([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
UV = torch.tensor(
    [[0.1, 0.1], [0.4, 0.1], [0.4, 0.9], [0.1, 0.9], [0.6, 0.1], [0.9, 0.1], [0.9, 0.9], [0.6, 0.9]]
)
UV_FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])


def texture() -> np.ndarray:
    """Red grows with u, green with v; row 0 is v = 1."""
    centres = (np.arange(64) + 0.5) / 64
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 0] = np.rint(255 * centres)[None]
    picture[..., 1] = np.rint(255 * (1 - centres))[:, None]
    return picture


def mesh() -> trimesh.Trimesh:
    return textured_mesh(VERTICES, FACES, UV, UV_FACES, texture())


def write_glb(path, vertices=VERTICES) -> None:
    """A face model without regions and expressions is one piece of skin."""
    model = FaceModel.from_arrays(
        ModelFacts("square"),
        ModelMesh(vertices, FACES, uv=UV, uv_faces=UV_FACES, origin=(0, 0, 0)),
    )
    write_bytes(path, HeadFile(model, model.zero_coefficients(), texture()).content())


def corners(loaded: trimesh.Trimesh) -> dict[tuple, list[tuple]]:
    """Position in mm -> colours that trimesh's own look-up finds there."""
    colours = loaded.visual.to_color().vertex_colors[:, :3]
    found: dict[tuple, list[tuple]] = {}
    for position, colour in zip(loaded.vertices, colours, strict=True):
        found.setdefault(tuple(np.round(position, 2).tolist()), []).append(tuple(colour.tolist()))
    return found


def check_colours(found: dict[tuple, list[tuple]]) -> None:
    expected: dict[int, set[int]] = {}
    for face, uv_face in zip(FACES.tolist(), UV_FACES.tolist(), strict=True):
        for vertex, coordinate in zip(face, uv_face, strict=True):
            expected.setdefault(vertex, set()).add(coordinate)
    assert set(found) == {tuple(v) for v in VERTICES.tolist()}
    for vertex, coordinates in expected.items():
        colours = sorted(found[tuple(VERTICES[vertex].tolist())])
        assert len(colours) == len(coordinates)
        wanted = sorted((255 * UV[c, 0].item(), 255 * UV[c, 1].item(), 0) for c in coordinates)
        assert np.abs(np.array(colours, float) - np.array(wanted)).max() <= 6


def load(path) -> trimesh.Trimesh:
    loaded = trimesh.load(path, process=False)
    return next(iter(loaded.geometry.values())) if isinstance(loaded, trimesh.Scene) else loaded


def test_mesh_in_memory():
    check_colours(corners(mesh()))
    assert len(mesh().vertices) == 8 and len(mesh().faces) == 4


def test_glb_is_in_metres_with_the_texture_inside(tmp_path):
    write_glb(tmp_path / "a.glb")
    assert [p.name for p in tmp_path.iterdir()] == ["a.glb"]
    loaded = load(tmp_path / "a.glb")
    assert np.allclose(loaded.extents, [0.08, 0.05, 0.03])
    picture = np.asarray(loaded.visual.material.baseColorTexture.convert("RGB"))
    assert np.array_equal(picture, texture())
    loaded.apply_scale(1000)
    check_colours(corners(loaded))


def test_glb_structure(tmp_path):
    """Read by hand: chunks, bounds, types and targets of everything that is drawn."""
    write_glb(tmp_path / "a.glb")
    content = (tmp_path / "a.glb").read_bytes()
    magic, version, length, size, kind = struct.unpack("<4sIII4s", content[:20])
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    tree = json.loads(content[20 : 20 + size])
    (primitive,) = tree["meshes"][0]["primitives"]
    names = ["indices", *primitive["attributes"]]
    assert sorted(names) == ["NORMAL", "POSITION", "TEXCOORD_0", "indices"]
    for name in names:
        index = primitive["indices"] if name == "indices" else primitive["attributes"][name]
        accessor = tree["accessors"][index]
        target = tree["bufferViews"][accessor["bufferView"]]["target"]
        assert target == (34963 if name == "indices" else 34962)
        assert accessor["count"] == (12 if name == "indices" else 8)
        if name == "POSITION":
            assert np.allclose([accessor["min"], accessor["max"]], [[0, 0, 0], [0.08, 0.05, 0.03]])
    assert tree["images"][0]["mimeType"] == "image/png" and "uri" not in tree["images"][0]
    material = tree["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material["metallicFactor"] == 0


def test_glb_normals_are_whole_across_the_seam(tmp_path):
    write_glb(tmp_path / "a.glb")
    loaded = load(tmp_path / "a.glb")
    ridge = np.isclose(loaded.vertices[:, 2], 0.03)
    assert ridge.sum() == 4
    assert np.allclose(loaded.vertex_normals[ridge], [0, 0, 1], atol=0.3)
    top = np.isclose(loaded.vertices[:, 1], 0.05) & ridge
    assert np.allclose(*loaded.vertex_normals[top], atol=1e-6)
    assert np.allclose(np.linalg.norm(loaded.vertex_normals, axis=1), 1, atol=1e-5)


def test_glb_of_a_face_without_an_area(tmp_path):
    write_glb(tmp_path / "a.glb", torch.zeros(6, 3))
    content = (tmp_path / "a.glb").read_bytes()
    assert np.isfinite(load(tmp_path / "a.glb").vertex_normals).all() and b"NaN" not in content


@pytest.mark.parametrize("name", ["a", "my face #1 (2)", "a.b", "Zoë"])
def test_obj_is_in_mm_with_its_texture_beside(tmp_path, name):
    paths = write_textured_obj(tmp_path / f"{name}.obj", VERTICES, FACES, UV, UV_FACES, texture())
    names = {f"{name}.obj", f"{name}.mtl", f"{name}.png"}
    assert {p.name for p in paths} == names == {p.name for p in tmp_path.iterdir()}
    loaded = load(tmp_path / f"{name}.obj")
    assert np.allclose(loaded.extents, [80, 50, 30])
    check_colours(corners(loaded))


def test_obj_keeps_one_vertex_per_position(tmp_path):
    write_textured_obj(tmp_path / "a.obj", VERTICES, FACES, UV, UV_FACES, texture())
    lines = (tmp_path / "a.obj").read_text().splitlines()
    assert sum(line.startswith("v ") for line in lines) == 6
    assert sum(line.startswith("vt ") for line in lines) == 8
    faces = [line.split()[1:] for line in lines if line.startswith("f ")]
    read = np.array([[list(map(int, c.split("/"))) for c in f] for f in faces]) - 1
    assert np.array_equal(read[..., 0], FACES) and np.array_equal(read[..., 1], UV_FACES)
