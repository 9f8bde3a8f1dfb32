"""OBJ files: what is written comes back, what others write is understood, damage is named."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.core.obj_file import ObjTexture, read_obj, read_obj_vertices, write_obj

VERTICES = np.array([[0, 0, 0], [1, 0, 0.5], [1, 1, -0.25], [0, 1, 1 / 3]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])
UV = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
UV_FACES = np.array([[0, 1, 2], [2, 1, 0]])


def read(tmp_path, text):
    (tmp_path / "a.obj").write_text(text)
    return read_obj(tmp_path / "a.obj")


def test_a_mesh_comes_back(tmp_path):
    path = tmp_path / "new" / "a.obj"
    write_obj(path, VERTICES, FACES)
    mesh = read_obj(path)
    np.testing.assert_allclose(mesh.vertices, VERTICES, atol=5e-7)
    np.testing.assert_array_equal(mesh.faces, FACES)
    assert not mesh.textured and mesh.colours is None and not mesh.uv_faces.any()
    write_obj(path, VERTICES, FACES, texture=ObjTexture(UV, UV_FACES, "a.mtl"), decimals=2)
    mesh = read_obj(path, np.float32)
    np.testing.assert_array_equal(mesh.vertices, VERTICES.round(2).astype(np.float32))
    np.testing.assert_array_equal(mesh.uv, UV.astype(np.float32))
    np.testing.assert_array_equal(mesh.uv_faces, UV_FACES)
    assert mesh.textured and mesh.vertices.dtype == mesh.uv.dtype == np.float32
    assert path.read_text().startswith("mtllib a.mtl\nv 0.00 0.00 0.00\n")
    np.testing.assert_array_equal(read_obj_vertices(path, np.float32), mesh.vertices)


def test_it_is_the_mesh_that_trimesh_reads(tmp_path):
    import trimesh

    write_obj(tmp_path / "a.obj", VERTICES, FACES, texture=ObjTexture(UV, UV_FACES))
    other = trimesh.load_mesh(tmp_path / "a.obj", process=False)
    mesh = read_obj(tmp_path / "a.obj")
    np.testing.assert_allclose(mesh.vertices[mesh.faces], other.vertices[other.faces])


def test_polygons_colours_and_indices_from_the_end(tmp_path):
    rows = "".join(f"v {x} {y} 0 {x} {y} 0.5\n" for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
    mesh = read(tmp_path, "# made by hand\r\n" + rows + "f 1 2 3 4\nf -1//7 -3/ 3\n")
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3], [3, 1, 2]])
    np.testing.assert_array_equal(mesh.polygon, [0, 0, 1])
    np.testing.assert_array_equal(mesh.colours[2], [1, 1, 0.5])
    assert mesh.uv.shape == (1, 2) and not mesh.textured
    partly = read(tmp_path, rows + "vt 0 0\nvt 1 1\nf 1/2 2/-1 3\n")
    np.testing.assert_array_equal(partly.uv_faces, [[1, 1, 0]])
    assert not partly.textured


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v 0 0 0\n" * 3, "polygons"),
        ("v 0 0 0\n" * 3 + "f 1 2\n", "polygons"),
        ("v 0 0 0\n" * 3 + "f 1 2 -4\n", r"indices in 1\.\.3, got 0\.\.2"),
        ("v 0 0 0\nf 1 1 1\nv 0 0 0\nf 1 -3 1", r"indices in 1\.\.2, got 0\.\.1"),
        ("v 0 0 0\n" * 3 + "f 1 2 x\n", "invalid literal"),
        ("v 0 0 0\nv 0 0\nf 1 1 1\n", "3 finite numbers per v line"),
        (f"v 0 0 {'0' * 65}1\nf 1 1 1\n", "more than 64 characters"),
        ("v 0 0 1e999\nf 1 1 1\n", "3 finite numbers per v line"),
        ("f 1 1 1\n", "3 finite numbers per v line"),
    ],
)
def test_damage_is_named(tmp_path, text, problem):
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text)
