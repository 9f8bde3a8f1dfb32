"""ICT-FaceKit from a folder of OBJ files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.core.obj_file import read_obj
from selfie3d.facemodels import load_face_model

CM = 0.1


def write_obj(path, vertices, extra=""):
    lines = "".join("v {:.7g} {:.7g} {:.7g}\n".format(*row) for row in vertices)
    path.write_text("# a comment\nmtllib x.mtl\n" + lines + extra)


def polygons(faces, uv=True):
    corners = [" ".join(f"{v + 1}/{v + 1}" if uv else f"{v + 1}" for v in f) for f in faces]
    return "".join(f"f {line}\n" for line in corners)


def quads(side=12):
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1)
    return np.stack([corner, corner + side, corner + side + 1, corner + 1], 1)


def write_folder(folder, tiny, **changes):
    """cm, quads with texture coordinates, one OBJ of absolute positions per shape."""
    rng = np.random.default_rng(2).uniform(0, 1, (len(tiny.mean), 2))
    texture = "".join(f"vt {u:.7g} {v:.7g}\n" for u, v in rng)
    neutral = CM * tiny.mean
    write_obj(folder / "generic_neutral_mesh.obj", neutral, texture + polygons(quads()))
    for k, mode in enumerate(tiny.identity):
        write_obj(folder / f"identity{k:03d}.obj", neutral + CM * mode, polygons(quads()))
    names = ["jawOpen", "browDown_L", "mouthSmile_R"]
    for name, shape in zip(names, tiny.expression, strict=True):
        write_obj(folder / f"{name}.obj", neutral + CM * shape)
    table = {"expressions": names, "idx_to_landmark_verts": tiny.points.tolist()} | changes
    (folder / "vertex_indices.json").write_text(json.dumps(table))
    return rng


def test_the_folder(tmp_path, tiny, convert):
    uv = write_folder(tmp_path, tiny)
    done = convert(tmp_path)
    assert done.kind == "ict" and "MIT" in done.model.licence
    tiny.check(done.model)
    np.testing.assert_allclose(done.model.identity, tiny.identity, atol=2e-4)
    np.testing.assert_allclose(done.model.expression, tiny.expression, atol=2e-4)
    assert done.model.expression_names == ("jawOpen", "browDown_L", "mouthSmile_R")
    assert done.model.expression_kind == "blendshape"
    placed = np.zeros_like(uv)
    placed[done.model.faces] = done.model.uv[done.model.uv_faces]
    np.testing.assert_allclose(placed, uv, atol=1e-6)
    few = convert(tmp_path, identity=1, expressions=2).model
    assert few.sizes == (1, 2, 0) and few.expression_names == ("jawOpen", "browDown_L")


def test_symmetry_is_found(tmp_path, tiny, convert):
    tiny.mean[:, 0] -= 3  # the bulge is symmetric about its own middle
    write_folder(tmp_path, tiny)
    mirror = convert(tmp_path).model.mirror
    rows, columns = np.divmod(np.arange(len(tiny.mean)), 12)
    assert mirror is not None and mirror.tolist() == (12 * rows + 11 - columns).tolist()


def test_the_packed_model_as_a_folder(shared_data, tmp_path, convert):
    """The real surface, written as OBJ files of its layout, gives the model of the .npz."""
    packed = np.load(shared_data("models/ict") / "ict_face9409.npz")
    texture = "".join(f"vt {u:.7g} {v:.7g}\n" for u, v in packed["uv"])
    corners = zip(packed["faces"] + 1, packed["faces_uv"] + 1, strict=True)
    lines = ("f " + " ".join(f"{a}/{b}" for a, b in zip(*pair, strict=True)) for pair in corners)
    faces = texture + "\n".join(lines)
    write_obj(tmp_path / "generic_neutral_mesh.obj", packed["base"], faces)
    write_obj(tmp_path / "identity000.obj", packed["base"] + packed["identity"][0])
    names = [str(n) for n in packed["expression_names"][5:7]]
    for k, name in enumerate(names):
        write_obj(tmp_path / f"{name}.obj", packed["base"] + packed["expression"][5 + k])
    points = packed["landmarks68"].tolist()
    table = {"expressions": names, "idx_to_landmark_verts": points}
    (tmp_path / "vertex_indices.json").write_text(json.dumps(table))
    model = convert(tmp_path).model
    expected = load_face_model(shared_data("models/ict") / "ict_face9409.npz")
    np.testing.assert_allclose(model.mean, expected.mean, atol=1e-4)
    np.testing.assert_allclose(model.identity[0], expected.identity[0], atol=1e-3)
    np.testing.assert_allclose(model.expression, expected.expression[5:7], atol=1e-3)
    assert np.array_equal(model.faces, expected.faces)
    placed, wanted = model.uv[model.uv_faces], expected.uv[expected.uv_faces]
    np.testing.assert_allclose(placed, wanted, atol=1e-6)
    assert model.mirror is not None and int(model.regions["narrow-face"].sum()) == 6706


def test_damaged_folders_are_named(tmp_path, tiny, convert):
    for change, named in (
        ({"expressions": ["jawOpen", "../../etc/passwd"]}, "expressions"),
        ({"expressions": ["jawOpen", "absent"]}, "absent"),
        ({"idx_to_landmark_verts": [1, 2]}, "idx_to_landmark_verts"),
        ({"idx_to_landmark_verts": [999] * 68}, "idx_to_landmark_verts"),
    ):
        write_folder(tmp_path, tiny, **change)
        with pytest.raises(InputError, match=named):
            convert(tmp_path)
    write_folder(tmp_path, tiny)
    (tmp_path / "identity001.obj").write_text("v 1 2 3\n")
    with pytest.raises(InputError, match="identity001"):
        convert(tmp_path)
    for text in ("v 1 2\nf 1 1 1", "v a b c\n", "v 1 2 3\nf 1 2 9", "v 1 2 3\n", "", "v 1 2 nan\n"):
        (tmp_path / "bad.obj").write_text(text)
        with pytest.raises(InputError, match=r"bad\.obj"):
            read_obj(tmp_path / "bad.obj")
    (tmp_path / "vertex_indices.json").write_text("{")
    with pytest.raises(InputError, match="vertex_indices"):
        convert(tmp_path)
