"""3DDFA's 68-point model: made-up files of its layout, and the real one against AFLW2000-3D."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy.io import loadmat
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.geometry.coefficients import Coefficients

TEXTS = ("u_base.txt", "w_shp_base.txt", "w_exp_base.txt")


def made(identity=4, expression=3, vertices=68, seed=0):
    """Mean, bases in micrometres; x, y, z of one point after another."""
    g = np.random.default_rng(seed)
    rows = 3 * vertices
    return (
        1e5 * g.normal(size=(rows, 1)),
        g.normal(size=(rows, identity)),
        g.normal(size=(rows, expression)),
    )


def write_texts(folder, arrays):
    for name, array in zip(TEXTS, arrays, strict=True):
        np.savetxt(folder / name, array)
    return folder


def points_of(points, identity, expression):
    """Vertices (68,3) in micrometres about 3DDFA's origin, of its raw coefficients."""
    c = Coefficients(
        torch.tensor(identity)[None].float() / points.identity_unit,
        torch.tensor(expression)[None].float() / points.expression_unit,
        torch.zeros(1, 0),
        torch.zeros(1, 9, 3),
    )
    return (points.model.vertices(c)[0] - points.origin).double().numpy() * 1000


@pytest.mark.parametrize("units", [(None, None), ([5e5, 4e5, 3e5, 2e5], [2.0, 1.0, 0.5])])
def test_the_points_are_its_formula(tmp_path, units):
    u, w_shp, w_exp = made()
    points = read_tddfa_points(write_texts(tmp_path, (u, w_shp, w_exp)), *units)
    assert points.model.sizes == (4, 3, 0)
    a, d = 1e5 * np.array([1.0, -2, 0.5, 0]), np.array([1e4, 0.0, -2e4])
    expected = (u[:, 0] + w_shp @ a + w_exp @ d).reshape(68, 3)
    np.testing.assert_allclose(points_of(points, a, d), expected, atol=0.5)  # micrometres
    landmarks = points.model.landmark_points(points.model.mean[None])
    assert torch.equal(landmarks[0], points.model.mean)


def test_factors_take_3ddfas_parameters_to_ours(tmp_path):
    units = [5e5, 4e5, 3e5, 2e5], [2.0, 1.0, 0.5]
    points = read_tddfa_points(write_texts(tmp_path, made()), *units)
    expected = [*([1000, 1000, 1000, 1] * 3), *(1 / np.array(units[0])), 0.5, 1, 2]
    np.testing.assert_allclose(points.factors.numpy(), expected, rtol=1e-6)


def test_a_pickle_of_a_dense_model_gives_its_68_points(tmp_path):
    u, w_shp, w_exp = made(vertices=200)
    vertices = np.random.default_rng(1).permutation(200)[:68]
    keypoints = (3 * vertices[:, None] + np.arange(3)).reshape(-1)
    path = tmp_path / "bfm.pkl"
    arrays = {"u": u, "w_shp": w_shp, "w_exp": w_exp, "keypoints": keypoints}
    path.write_bytes(pickle.dumps({k: v.astype("f4") if k != "keypoints" else v
                                   for k, v in arrays.items()}))  # fmt: skip
    points = read_tddfa_points(path)
    expected = u.reshape(200, 3)[vertices]
    np.testing.assert_allclose(points_of(points, np.zeros(4), np.zeros(3)), expected, atol=0.5)


def test_the_real_model_gives_aflw2000s_points(shared_data):
    """Its 40 and 10 of the fitted 199 and 29 coefficients reach 0.88 % on average."""
    points = read_tddfa_points(shared_data("models/3ddfa"))
    assert points.model.sizes == (40, 10, 0)
    assert bool((points.model.mean[36:48, 2] > 5).all())  # the eyes lie before their centres
    errors = []
    for path in sorted(shared_data("aflw2000").glob("*.mat"))[:100:5]:
        mat = loadmat(path)
        body = points_of(points, mat["Shape_Para"][:40, 0], mat["Exp_Para"][:10, 0])
        pitch, yaw, roll, *t, f = mat["Pose_Para"][0]
        (a, b, c), (d, e, g) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
        rx = np.array([[1, 0, 0], [0, a, d], [0, -d, a]])
        ry = np.array([[b, 0, -e], [0, 1, 0], [e, 0, b]])
        rz = np.array([[c, g, 0], [-g, c, 0], [0, 0, 1]])
        x, y, _ = f * rx @ ry @ rz @ body.T + np.array(t)[:, None]
        truth = mat["pt3d_68"][:2].T
        size = np.sqrt(np.ptp(truth, axis=0).prod())
        gap = np.linalg.norm(np.stack([x, 451 - y], 1) - truth, axis=1)
        errors.append(100 * gap.mean() / size)
    assert np.mean(errors) == pytest.approx(0.88, abs=0.25)


def test_unusable_files_are_named(tmp_path):
    folder = write_texts(tmp_path, made())
    with pytest.raises(InputError, match="identity_unit"):
        read_tddfa_points(folder, identity_unit=[1.0])
    with pytest.raises(InputError, match="expression_unit"):
        read_tddfa_points(folder, expression_unit=[1.0, 0.0, 1.0])
    np.savetxt(folder / TEXTS[1], np.ones((10, 4)))
    with pytest.raises(InputError, match="204 rows"):
        read_tddfa_points(folder)
    (folder / TEXTS[0]).write_text("no numbers")
    with pytest.raises(InputError, match="u_base"):
        read_tddfa_points(folder)
    (folder / TEXTS[0]).unlink()
    with pytest.raises(MissingFileError, match="3DDFA"):
        read_tddfa_points(folder)
    with pytest.raises(MissingFileError, match="3DDFA_V2"):
        read_tddfa_points(folder / "absent.pkl")
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"u": np.ones(204)}))
    with pytest.raises(InputError, match="w_shp"):
        read_tddfa_points(path)
    u, w_shp, w_exp = made()
    arrays = {"u": u, "w_shp": w_shp, "w_exp": w_exp, "keypoints": np.arange(204) + 1}
    path.write_bytes(pickle.dumps(arrays))
    with pytest.raises(InputError, match="keypoints"):
        read_tddfa_points(path)
