"""The Basel Face Model 2009 from files of its layout: whole, front, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels.readers.basel2009 import trim_index
from selfie3d.facemodels.readers.source import Source

MM = 1000  # micrometres


def write_model(folder, tiny, **changes):
    """01_MorphableModel.mat: um, deviations called EV, colours 0..255, clockwise from 1."""
    shape, shape_ev = tiny.columns("identity", MM)
    colour, colour_ev = tiny.columns("albedo_basis", 255)
    content = {
        "shapeMU": MM * tiny.mean.reshape(-1, 1),
        "shapePC": shape,
        "shapeEV": shape_ev[:, None],
        "texMU": 255 * tiny.albedo_mean.reshape(-1, 1),
        "texPC": colour,
        "texEV": colour_ev[:, None],
        "tl": (tiny.faces[:, [0, 2, 1]] + 1).astype(np.int32),
        "segbin": np.ones((len(tiny.mean), 4), np.uint8),
    }
    path = folder / "01_MorphableModel.mat"
    savemat(path, content | changes)
    return path


def write_indices(folder, tiny):
    """Expressions of all but the last three vertices, and a front of the first rows of the grid."""
    trim = np.arange(len(tiny.mean) - 3)[::-1]  # any order
    front = np.concatenate([np.flatnonzero(trim == v) for v in range(len(tiny.mean) - 12)])
    rows = trim[front]
    kept = tiny.faces[np.isin(tiny.faces, rows).all(1)]
    place = np.full(len(tiny.mean), -1)
    place[rows] = np.arange(len(rows))
    tiny.points[~np.isin(tiny.points, rows)] = 30
    savemat(folder / "BFM_exp_idx.mat", {"trimIndex": (trim[:, None] + 1).astype(np.uint16)})
    savemat(folder / "BFM_front_idx.mat", {"idx": (front[:, None] + 1).astype(np.float32)})
    info = {
        "tri": (place[kept] + 1).astype(np.float32),
        "keypoints": (place[tiny.points][None] + 1).astype(np.float32),
        "skinmask": (np.arange(len(rows)) % 2 == 0)[None].astype(np.float32),
    }
    savemat(folder / "facemodel_info.mat", info)
    columns, deviation = tiny.columns("expression", MM)
    basis = columns.reshape(-1, 3, len(deviation))[trim]
    content = np.int32(len(deviation)).tobytes() + np.zeros(basis.shape[0] * 3, "<f4").tobytes()
    content += np.ascontiguousarray(basis.reshape(-1, len(deviation)).T).astype("<f4").tobytes()
    (folder / "Exp_Pca.bin").write_bytes(content)
    (folder / "std_exp.txt").write_text(" ".join(f"{d:.9g}" for d in deviation))
    return rows


def test_the_front(tmp_path, tiny, convert):
    indices = tmp_path / "indices"
    indices.mkdir()
    rows = write_indices(indices, tiny)
    done = convert(write_model(tmp_path, tiny), indices=indices)
    assert done.kind == "basel-2009" and done.model.name == "basel-2009-front"
    tiny.check(done.model, "identity", "expression", "albedo_mean", "albedo_basis", rows=rows)
    assert "non-commercial" in done.model.licence
    assert done.model.regions["reflectance"].tolist() == [k % 2 == 0 for k in range(len(rows))]
    assert "skin" not in done.model.regions  # all of it is face
    assert done.model.expression_kind == done.model.identity_kind == "gaussian"
    few = convert(write_model(tmp_path, tiny), indices=indices, identity=2, expressions=1, albedo=0)
    assert few.model.sizes == (2, 1, 0)


def test_the_whole(tmp_path, tiny, convert):
    write_indices(tmp_path, tiny)
    tiny.expression[:, -3:] = 0  # what FaceWarehouse's basis lacks
    path = write_model(tmp_path, tiny)
    uv = np.random.default_rng(1).uniform(0, 1, (len(tiny.mean), 2))
    savemat(tmp_path / "BFM_UV.mat", {"UV": uv})
    whole = convert(path).model
    assert whole.name == "basel-2009-full"
    tiny.check(whole, "identity", "albedo_mean", "albedo_basis")
    assert float(whole.expression[:, -3:].abs().max()) == 0
    assert float(whole.expression[:, :-3].abs().max()) > 1
    np.testing.assert_allclose(whole.uv, uv, atol=1e-7)
    assert convert(path, part="front").model.uv.shape == (len(tiny.mean) - 12, 2)


def test_eos_has_some_of_the_points(tmp_path, tiny, convert):
    table = "".join(f"{k + 1} = {tiny.points[k]}  # x\n" for k in (30, *range(36, 48)))
    (tmp_path / "ibug_to_bfm2009.txt").write_text(f"[landmark_mappings]\n{table}\n[contour]\nr=[1]")
    model = convert(write_model(tmp_path, tiny), expressions=0).model
    tiny.check(model, "identity")
    assert int(model.landmarks["ibug68"].valid.sum()) == 13 and model.sizes[1] == 0


@pytest.mark.parametrize("name", ["BFM_front_idx.mat", "BFM_exp_idx.mat", "facemodel_info.mat",
                                  "Exp_Pca.bin", "std_exp.txt"])  # fmt: skip
def test_missing_files_are_named(tmp_path, tiny, convert, name):
    write_indices(tmp_path, tiny)
    (tmp_path / name).unlink()
    with pytest.raises(MissingFileError, match=name) as error:
        convert(write_model(tmp_path, tiny), part="front")
    assert "--indices" in str(error.value)


def test_damaged_files_are_named(tmp_path, tiny, convert):
    write_indices(tmp_path, tiny)
    path = write_model(tmp_path, tiny)
    content = (tmp_path / "Exp_Pca.bin").read_bytes()
    (tmp_path / "Exp_Pca.bin").write_bytes(content[:-8])
    with pytest.raises(InputError, match="Exp_Pca"):
        convert(path)
    (tmp_path / "Exp_Pca.bin").write_bytes(content)
    for change, named in (
        ({"shapePC": np.ones((9, 4), np.float32)}, "shapePC"),
        ({"shapeMU": np.full((432, 1), np.nan, np.float32)}, "shapeMU"),
        ({"shapeEV": np.ones((3, 1), np.float32)}, "shapePC"),
        ({"tl": np.full((5, 3), 1000, np.int32)}, "tl"),
        ({"texMU": np.ones((9, 1), np.float32)}, "texMU"),
    ):
        with pytest.raises(InputError, match=named):
            convert(write_model(tmp_path, tiny, **change))
    whole = write_model(tmp_path, tiny).read_bytes()
    for length in (60, 200, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="01_Morph"):
            convert(path)
    with pytest.raises(InputError, match="--part"):
        convert(write_model(tmp_path, tiny), part="nose")


def test_deep3ds_own_files_fit_together(shared_data, tmp_path):
    """The real index files on the real mean surface of 53,215 vertices."""
    folder = shared_data("models/deep3d")
    mat = loadmat(shared_data("models/bfm53215") / "Model_Shape_Sim.mat")
    source = Source(folder / "BFM_front_idx.mat")
    trim = trim_index(source, 53490)
    front = loadmat(folder / "BFM_front_idx.mat")["idx"].reshape(-1).astype(int) - 1
    keys = loadmat(folder / "facemodel_info.mat")["keypoints"].reshape(-1).astype(int) - 1
    assert len(trim) == 53215 and len(front) == 35709
    assert np.array_equal(front[keys], mat["keypoints"].reshape(-1).astype(int) - 1)
    chosen = loadmat(folder / "select_vertex_id.mat")["select_id"].reshape(-1).astype(int) - 1
    assert np.array_equal(trim[front], chosen)


def test_the_front_of_the_real_mean_has_deep3ds_landmarks(shared_data, tmp_path, tiny, convert):
    """The 68 points are those of similarity_Lm3D_all.mat, which Deep3D publishes, but for scale."""
    folder = shared_data("models/deep3d")
    sim = loadmat(shared_data("models/bfm53215") / "Model_Shape_Sim.mat")
    trim = loadmat(folder / "BFM_exp_idx.mat")["trimIndex"].reshape(-1).astype(int) - 1
    whole = np.zeros((2, 53490, 3), np.float32)
    whole[:, trim] = [sim[name].reshape(-1, 3) for name in ("mu_shape", "mu_tex")]
    none, mode = np.zeros((160470, 1), np.float32), np.ones((1, 1), np.float32)
    faces = trim[sim["tri"].T.astype(int) - 1].astype(np.int32) + 1
    changes = {"shapeMU": whole[0].reshape(-1, 1), "texMU": whole[1].reshape(-1, 1), "tl": faces,
               "shapePC": none, "texPC": none, "shapeEV": mode, "texEV": mode}  # fmt: skip
    path = write_model(tmp_path, tiny, **changes)
    model = convert(path, indices=folder, expressions=0).model
    assert (len(model.mean), len(model.faces)) == (35709, 70789)
    ours = model.landmark_points(model.mean[None])[0].double().numpy()
    theirs = loadmat(folder / "similarity_Lm3D_all.mat")["lm"].astype(float)
    a, b = ours - ours.mean(0), theirs - theirs.mean(0)
    scale = (a * b).sum() / (a * a).sum()
    np.testing.assert_allclose(scale * a, b, atol=1e-6)
    corner = model.mean[model.faces]
    normal = (corner[:, 1] - corner[:, 0]).cross(corner[:, 2] - corner[:, 0], dim=1)
    assert float(normal.sum(0)[2]) > 0 and int(model.regions["reflectance"].sum()) == 9642
