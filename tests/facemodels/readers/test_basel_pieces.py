"""The public pieces of the Basel model agree with one another and with AFLW2000-3D's points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.io import loadmat
from selfie3d.facemodels.convert import convert_model
from selfie3d.facemodels.readers.source import Source
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.geometry.closest import ClosestPoints


@pytest.fixture(scope="module")
def pieces(shared_data) -> dict[str, np.ndarray]:
    """3DDFA's 53,215 vertices in mm, triangles and keypoints counted from 0."""
    mat = loadmat(shared_data("models", "bfm53215", "Model_Shape_Sim.mat"))
    expression = np.load(shared_data("models", "3ddfa", "u_exp.npy"))
    return {
        "mean": mat["mu_shape"].reshape(-1, 3) / 1000.0,
        "offset": expression.reshape(-1, 3) / 1000.0,
        "faces": mat["tri"].T.astype(int) - 1,
        "keypoints": mat["keypoints"].reshape(-1).astype(int) - 1,
    }


def rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """300W-LP's, as data/MANIFEST.md has it."""
    (a, b, c), (d, e, g) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    rx = np.array([[1, 0, 0], [0, a, d], [0, -d, a]])
    ry = np.array([[b, 0, -e], [0, 1, 0], [e, 0, b]])
    return rx @ ry @ np.array([[c, g, 0], [-g, c, 0], [0, 0, 1]])


def test_the_68_points_reproduce_aflw2000(shared_data):
    """All images here: 0.88 +- 0.01 % of sqrt(w h), with 40 of 199 and 10 of 29 coefficients."""
    points = read_tddfa_points(shared_data("models", "3ddfa"))
    model = points.model
    mean = (model.mean - points.origin).double().numpy().reshape(-1) * 1000
    shape, expression = (
        1000 * (basis.double().numpy().reshape(count, -1)) * (1 / unit.double().numpy()[:, None])
        for basis, unit, count in (
            (model.identity, points.identity_unit, 40),
            (model.expression, points.expression_unit, 10),
        )
    )
    errors = []
    for path in sorted(shared_data("aflw2000").glob("*.mat")):
        mat = loadmat(path, variable_names=["Shape_Para", "Exp_Para", "Pose_Para", "pt3d_68"])
        body = mean + mat["Shape_Para"][:40, 0] @ shape + mat["Exp_Para"][:10, 0] @ expression
        *angles, tx, ty, _, f = mat["Pose_Para"][0]
        x, y, _ = f * rotation(*angles) @ body.reshape(68, 3).T
        truth = mat["pt3d_68"][:2].T
        gap = np.linalg.norm(np.stack([x + tx, 451 - y - ty], 1) - truth, axis=1).mean()
        errors.append(100 * gap / np.sqrt(np.ptp(truth, axis=0).prod()))
    assert len(errors) >= 1000
    assert np.mean(errors) == pytest.approx(0.88, abs=0.01)


def test_the_68_points_lie_on_the_mean_surface(shared_data, pieces):
    """u_base is mu_shape + u_exp at the keypoints, to float32; u_exp moves them by up to 8 mm."""
    base = read_tddfa_points(shared_data("models", "3ddfa"))
    own = (base.model.mean - base.origin).numpy()
    keys = pieces["keypoints"]
    np.testing.assert_allclose(own, (pieces["mean"] + pieces["offset"])[keys], atol=2e-5)
    assert np.abs(own - pieces["mean"][keys]).max() > 8


def test_the_grid_of_64_lies_on_the_mean_surface(shared_data, pieces):
    """But for its rim, which goes on round the ears and neck."""
    grid = np.load(shared_data("models", "3ddfa", "paf_grid64.npz"))["mean"].reshape(-1, 3) / 1000
    surface = ClosestPoints(pieces["mean"] + pieces["offset"], pieces["faces"])
    distance = np.linalg.norm(surface.query(grid).points - grid, axis=1)
    assert np.percentile(distance, 90) < 1e-4  # mm


def test_deep3d_s_index_sets_are_3ddfa_s(shared_data, pieces):
    """35,709 of the 53,215 vertices: the same points, and all triangles among them."""
    folder = shared_data("models", "deep3d")
    info = loadmat(folder / "facemodel_info.mat")
    front = loadmat(folder / "BFM_front_idx.mat")["idx"].reshape(-1).astype(int) - 1
    trim = loadmat(folder / "BFM_exp_idx.mat")["trimIndex"].reshape(-1)
    full = loadmat(folder / "select_vertex_id.mat")["select_id"].reshape(-1)
    model_info = loadmat(shared_data("models", "bfm53215", "model_info.mat"))
    assert len(front) == 35709 and len(trim) == 53215
    np.testing.assert_array_equal(trim, model_info["trimIndex"].reshape(-1))
    np.testing.assert_array_equal(trim[front], full)
    keys = front[info["keypoints"].reshape(-1).astype(int) - 1]
    np.testing.assert_array_equal(keys, pieces["keypoints"])
    inside = pieces["faces"][np.isin(pieces["faces"], front).all(1)]
    assert triangles(front[info["tri"].astype(int) - 1]) == triangles(inside)
    assert len(inside) == 70789


def test_3ddfa_v2_s_index_set(shared_data, pieces):
    v2 = np.load(shared_data("models", "3ddfa", "v2_noneck.npz"))
    inside = pieces["faces"][np.isin(pieces["faces"], v2["vertex_index_in_53215"]).all(1)]
    assert triangles(v2["vertex_index_in_53215"][v2["tri"]]) == triangles(inside)


def test_the_texture_coordinates_belong_to_the_vertices(shared_data, tmp_path):
    """As converted: mirror images lie mirrored in the chart, which no triangle but 11 folds."""
    source = shared_data("models", "bfm53215", "Model_Shape_Sim.mat")
    done = convert_model(Source(source, shared_data("models", "3ddfa")), tmp_path / "mean.npz")
    model = done.model
    pairs = loadmat(shared_data("models", "bfm53215", "model_info.mat"))["symlist"].astype(int) - 1
    uv = model.uv.numpy()
    assert uv.shape == (53215, 2)
    left, right = uv[pairs[0]], uv[pairs[1]]
    assert np.abs(left[:, 0] + right[:, 0] - 1).max() < 0.01
    assert np.abs(left[:, 1] - right[:, 1]).max() < 0.01
    a, b, c = torch.from_numpy(uv).double()[model.uv_faces].unbind(1)
    twice = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert int((twice <= 0).sum()) <= 11
    assert np.corrcoef(uv[:, 1], model.mean[:, 1])[0, 1] > 0.9


def triangles(faces: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, np.sort(faces, 1).tolist()))
