"""Network and solver as one graph, and the network alone in onnxruntime, against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.geometry.point_solver import PointSolver
from selfie3d.models.weights import load_weights
from selfie3d.pipeline.network import traced_solver
from selfie3d.pipeline.network.export import ExportOptions, export_onnx
from selfie3d.pipeline.network.regress import RegressOptions, Regressor
from selfie3d.pipeline.network.solved_network import OUTPUTS, SolvedNetwork, example_crops
from selfie3d.pipeline.network.start import open_start
from selfie3d.pipeline.network.traced_solver import TracedSolver, nearest_rotation
from selfie3d.pipeline.options import ReconstructOptions


@pytest.fixture(scope="module")
def weights():
    return load_weights("default")


def test_nearest_rotations_against_scipy():
    rng = np.random.default_rng(0)
    turns = Rotation.random(20, rng=0)
    body = rng.normal(size=(30, 3))
    covariance = np.stack([turn.apply(body).T @ body for turn in turns]) + rng.normal(
        scale=2, size=(20, 3, 3)
    )
    U, _, Vh = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(U @ Vh))
    expected = (U * np.stack([np.ones(20), np.ones(20), sign], 1)[:, None]) @ Vh
    found = nearest_rotation(torch.tensor(covariance, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_traced_solver_takes_the_same_steps(weights, default_model, monkeypatch):
    monkeypatch.setattr(traced_solver, "solve_traced", torch.linalg.solve)
    images = example_crops(weights)
    with torch.no_grad():
        found = SolvedNetwork(weights, default_model, TracedSolver).eval()(images)
        expected = SolvedNetwork(weights, default_model, PointSolver).eval()(images)
    for name, one, other in zip(OUTPUTS, found, expected, strict=True):
        size = float(other.abs().max())
        assert float((one - other).abs().max()) < 1e-4 * max(size, 1), name


def test_it_is_what_the_regressor_finds(weights, default_model):
    regressor = Regressor(RegressOptions(mirrored=False), default_model, weights)
    images = example_crops(weights)
    with torch.no_grad():
        solved, _ = regressor.in_crops(images)
        found = dict(
            zip(OUTPUTS, SolvedNetwork(weights, default_model).eval()(images), strict=True)
        )
    torch.testing.assert_close(found["identity"], solved.identity, atol=2e-3, rtol=1e-3)
    half = regressor.size / 2
    pixels = (solved.points[..., :2] + 1) * half
    torch.testing.assert_close(found["points"][..., :2], pixels, atol=2e-2, rtol=0)
    assert float((found["landmarks"][:, 30, :2] - half).norm(dim=1).max()) < half / 2  # the nose


def test_backends_have_names():
    with pytest.raises(InputError, match="onnxruntime"):
        ReconstructOptions(backend="tensorrt")


@pytest.mark.slow
def test_a_reconstruction_in_onnxruntime(weights):
    """The network of a start, exported on the way, sees what torch's sees."""
    pytest.importorskip("onnxscript"), pytest.importorskip("onnxruntime")
    there = open_start(backend="onnxruntime").network
    images = example_crops(weights)
    with torch.no_grad():
        found, expected = there.network(images), weights.network(images)
    torch.testing.assert_close(found.points, expected.points, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_exported_whole(tmp_path, storage):
    """Traced with any batch; what it says is torch's to 1e-4, or near it in fewer bits."""
    pytest.importorskip("onnxscript"), pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    made = export_onnx(path, ExportOptions(storage=storage, solver=True))
    assert [item.output for item in made.differences] == list(OUTPUTS)
    assert path.stat().st_size == made.size
    points = next(item for item in made.differences if item.output == "points")
    assert points.is_small if storage == "float32" else points.largest < 1.5
    with pytest.raises(InputError, match="network alone"):
        load_weights(path)
