"""3DDFA's dense model from its .mat files and 3DDFA_V2's from its pickle."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.io import savemat
from selfie3d.core.errors import InputError, MissingFileError

MM = 1000  # micrometres


def write_mats(folder, tiny, expressions="Model_Exp.mat"):
    """um, (3,F) triangles from 1 and clockwise; a part of the mean lies in mu_exp."""
    offset = np.random.default_rng(3).normal(0, 900, tiny.mean.size)
    w, sigma = tiny.columns("identity", MM)
    w_exp, sigma_exp = tiny.columns("expression", MM)
    content = {
        "mu_shape": MM * tiny.mean.reshape(-1, 1) - offset[:, None],
        "w": w,
        "sigma": sigma[:, None],
        "tri": (tiny.faces[:, ::-1].T + 1).astype(np.uint16),
        "keypoints": (tiny.points[None] + 1).astype(np.uint16),
        "mu_tex": 255 * tiny.albedo_mean.reshape(-1, 1),
    }
    savemat(folder / "Model_Shape.mat", content)
    more = {"mu_exp": offset[:, None], "w_exp": w_exp, "sigma_exp": sigma_exp[:, None]}
    savemat(folder / expressions, more)
    return folder / "Model_Shape.mat"


@pytest.mark.parametrize("name", ["Model_Exp.mat", "Model_Expression.mat"])
def test_the_mats(tmp_path, tiny, convert, name):
    done = convert(write_mats(tmp_path, tiny, name))
    assert done.kind == "3ddfa"
    tiny.check(done.model, "identity", "expression", "albedo_mean")
    assert done.model.expression_kind == "gaussian" and "Basel" in done.model.licence
    (tmp_path / name).unlink()
    with pytest.raises(MissingFileError, match=r"Model_Exp\.mat or Model_Expression\.mat"):
        convert(tmp_path / "Model_Shape.mat")


def write_pickles(folder, tiny, **changes):
    """More columns than 3DDFA_V2 uses (40 and 10), and its whitening beside them."""
    pad = np.ones((tiny.mean.size, 60), np.float32)
    shape, shape_std = tiny.columns("identity", MM)
    expression, expression_std = tiny.columns("expression", MM)
    std = np.zeros(62, np.float32)
    std[12:16], std[52:55] = shape_std, expression_std
    content = {
        "u": MM * tiny.mean.reshape(-1, 1).astype(np.float32),
        "w_shp": np.concatenate([shape, pad], 1),
        "w_exp": np.concatenate([expression, pad], 1),
        "keypoints": (3 * tiny.points[:, None] + np.arange(3)).reshape(-1),
        "tri": np.zeros((3, 1), np.int64),
    } | changes
    (folder / "bfm_noneck_v3.pkl").write_bytes(pickle.dumps(content, 4))
    (folder / "tri.pkl").write_bytes(pickle.dumps(tiny.faces[:, ::-1].astype(np.int32), 4))
    whitening = {"mean": np.zeros(62, np.float32), "std": std}
    (folder / "param_mean_std_62d_120x120.pkl").write_bytes(pickle.dumps(whitening, 4))
    return folder / "bfm_noneck_v3.pkl"


def test_the_pickle(tmp_path, tiny, convert):
    done = convert(write_pickles(tmp_path, tiny))
    assert done.kind == "3ddfa-v2" and done.model.sizes == (40, 10, 0)
    done.model.identity, done.model.expression = done.model.identity[:4], done.model.expression[:3]
    tiny.check(done.model, "identity", "expression")
    (tmp_path / "param_mean_std_62d_120x120.pkl").unlink()
    with pytest.raises(MissingFileError, match="param_mean_std"):
        convert(tmp_path / "bfm_noneck_v3.pkl")


def test_unusable_pickles_are_named(tmp_path, tiny, convert):
    for change, named in (
        ({"keypoints": np.arange(204) + 1}, "keypoints"),
        ({"u": np.ones((7, 1), np.float32)}, "u"),
        ({"w_shp": np.ones((9, 50), np.float32)}, "w_shp"),
    ):
        with pytest.raises(InputError, match=named):
            convert(write_pickles(tmp_path, tiny, **change))


def test_the_real_mean_surface(shared_data, convert):
    """Its triangles are clockwise and turned; the eyes lie level, the nose points to +z."""
    model = convert(shared_data("models/bfm53215") / "Model_Shape_Sim.mat").model
    assert len(model.mean) == 53215 and model.sizes == (0, 0, 0)
    points = model.landmark_points(model.mean[None])[0]
    assert 80 < float(points[45, 0] - points[36, 0]) < 95  # mm
    assert abs(float(points[30, 0])) < 1 and float(points[30, 2]) > float(points[36, 2]) + 30
    assert float(points[8, 1]) < -90
    corner = model.mean[model.faces]
    normal = (corner[:, 1] - corner[:, 0]).cross(corner[:, 2] - corner[:, 0], dim=1)
    assert float(normal.sum(0)[2]) > 0
    assert float(model.albedo_mean.min()) >= 0 and float(model.albedo_mean.max()) <= 1
    assert float(model.albedo_mean.mean(0)[0]) > float(model.albedo_mean.mean(0)[2])  # skin is red
