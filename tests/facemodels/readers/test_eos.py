"""eos's binary models, versions 1 to 4, and the Surrey model they are for."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError


def matrix(values):
    values = np.atleast_2d(np.asarray(values, "<f4"))
    return struct.pack("<ii", *values.shape) + values.T.tobytes()  # column by column


def vector(rows, kind):
    rows = np.asarray(rows, kind)
    return struct.pack("<Q", len(rows)) + rows.tobytes()


def text(word):
    return struct.pack("<Q", len(word)) + word.encode()


def pca(mean, columns, deviation, faces):
    parts = matrix(mean.reshape(-1, 1)), matrix(columns), matrix(deviation[:, None] ** 2)
    return b"".join(parts) + vector(faces, "<i4")


NOTHING = 3 * struct.pack("<ii", 0, 0) + struct.pack("<Q", 0)


def write_model(path, tiny, version=4, expression="pca", colour=True, uv=None):
    """As cereal's BinaryOutputArchive writes MorphableModel."""
    content = struct.pack("<I", version)
    content += pca(tiny.mean, *tiny.columns("identity"), tiny.faces)
    content += (
        pca(tiny.albedo_mean, *tiny.columns("albedo_basis"), tiny.faces) if colour else NOTHING
    )
    if version > 1 and expression is None:
        content += b"\1"
    elif version > 1 and expression == "pca":
        zero = np.zeros_like(tiny.mean)
        content += b"\0" + struct.pack("<i", 0) + pca(zero, *tiny.columns("expression"), tiny.faces)
    elif version > 1:
        content += b"\0" + struct.pack("<i", 1) + blendshapes(tiny)
    if version > 2:
        named = [(str(k + 1), int(v)) for k, v in enumerate(tiny.points)]
        content += b"\0" + struct.pack("<Q", len(named))
        content += b"".join(text(name) + struct.pack("<i", v) for name, v in named)
    content += vector(np.zeros((0, 2)) if uv is None else uv, "<f8")
    content += vector(np.zeros((0, 3)) if uv is None else tiny.faces, "<i4") if version > 3 else b""
    path.write_bytes(content)
    return path


def blendshapes(tiny):
    shapes = zip(("anger", "joy", "fear"), tiny.expression, strict=True)
    return struct.pack("<Q", 3) + b"".join(text(n) + matrix(s.reshape(-1, 1)) for n, s in shapes)


def write_mapping(folder, tiny, points=range(68)):
    table = "".join(f"{k + 1:2d} = {tiny.points[k]}  # a comment\n" for k in points)
    (folder / "ibug_to_sfm.txt").write_text(
        f"# TOML\n[landmark_mappings] # from, to\n{table}#18 =\n[contour_landmarks]\nright = [1]\n"
    )


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_every_version(tmp_path, tiny, convert, version):
    write_mapping(tmp_path, tiny)
    uv = np.random.default_rng(0).uniform(0, 1, (len(tiny.mean), 2))
    done = convert(write_model(tmp_path / "m.bin", tiny, version, uv=uv), licence="mine")
    assert done.kind == "eos" and done.model.licence == "mine"
    bases = ["identity", "albedo_mean", "albedo_basis"] + ["expression"] * (version > 1)
    tiny.check(done.model, *bases)
    np.testing.assert_allclose(done.model.uv, np.stack([uv[:, 0], 1 - uv[:, 1]], 1), atol=1e-6)


def test_blendshapes_and_a_mapping_of_some_points(tmp_path, tiny, convert):
    known = [8, 30, *range(36, 48)]
    write_mapping(tmp_path, tiny, known)
    model = convert(write_model(tmp_path / "m.bin", tiny, 2, "blendshapes", colour=False)).model
    tiny.check(model, "expression")
    assert model.expression_names == ("anger", "joy", "fear")
    assert model.expression_kind == "blendshape" and model.sizes == (4, 3, 0)
    assert model.landmarks["ibug68"].valid.nonzero()[:, 0].tolist() == known
    none = convert(write_model(tmp_path / "n.bin", tiny, 2, None)).model
    assert none.sizes[1] == 0
    (tmp_path / "ibug_to_sfm.txt").unlink()
    with pytest.raises(MissingFileError, match="ibug_to_sfm"):
        convert(tmp_path / "n.bin")


def test_damaged_files_are_named(tmp_path, tiny, convert):
    write_mapping(tmp_path, tiny)
    whole = write_model(tmp_path / "m.bin", tiny).read_bytes()
    for length in (14, 200, 3000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.bin"):
            convert(tmp_path / "cut.bin")
    (tmp_path / "long.bin").write_bytes(whole + b"x")
    with pytest.raises(InputError, match="1 bytes too many"):
        convert(tmp_path / "long.bin")
    start = 12 + 4 * tiny.mean.size
    (tmp_path / "huge.bin").write_bytes(whole[:start] + b"\xff\xff\xff\x7f" + whole[start + 4 :])
    with pytest.raises(InputError, match=r"huge\.bin"):
        convert(tmp_path / "huge.bin")
    (tmp_path / "old.bin").write_bytes(struct.pack("<I", 9) + whole[4:])
    with pytest.raises(InputError, match="version 9"):
        convert(tmp_path / "old.bin", kind="eos")
    with pytest.raises(InputError, match="known kind"):
        convert(tmp_path / "old.bin")
    (tmp_path / "ibug_to_sfm.txt").write_text("[landmark_mappings]\n 5 = 99999\n")
    write_model(tmp_path / "m.bin", tiny, 2)
    with pytest.raises(InputError, match="ibug_to_sfm"):
        convert(tmp_path / "m.bin")


def test_the_real_surrey_model_as_eos_writes_it(shared_data, tmp_path, convert):
    """Its arrays, written in version 1 with its own mapping file, give the packed model again."""
    folder = shared_data("models/sfm")
    packed = np.load(folder / "sfm_3448.npz")
    content = struct.pack("<I", 1) + matrix(packed["mean"].reshape(-1, 1))
    content += matrix(packed["basis"].reshape(-1, 63)) + matrix(packed["eigenvalues"][:, None])
    content += vector(packed["faces"], "<i4") + NOTHING + vector(packed["uv"], "<f8")
    (tmp_path / "sfm_shape_3448.bin").write_bytes(content)
    shapes = zip(packed["expression_names"], packed["expression"], strict=True)
    words = b"".join(text(str(n)) + matrix(s.reshape(-1, 1)) for n, s in shapes)
    (tmp_path / "expression_blendshapes_3448.bin").write_bytes(struct.pack("<Q", 6) + words)
    model = convert(tmp_path / "sfm_shape_3448.bin", indices=folder).model
    expected = convert(folder / "sfm_3448.npz").model
    for name in ("mean", "expression", "uv"):
        np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))
    np.testing.assert_allclose(model.identity, expected.identity, atol=1e-5)
    ours, theirs = (m.landmarks["ibug68"] for m in (model, expected))
    assert bool((ours.valid == theirs.valid).all() and (ours.vertices == theirs.vertices).all())
    assert int(ours.valid.sum()) == 50
    assert {k: int(v.sum()) for k, v in model.regions.items()} == {
        "contour-left": 17, "contour-right": 17}  # fmt: skip
