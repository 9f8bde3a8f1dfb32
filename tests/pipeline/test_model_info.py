"""`model info` on whatever a model has and lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import read_image
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.pipeline.about.model_info import write_model_info
from selfie3d.pipeline.fit.fitter import FaceFitter

SIDE = 8


def sheet(uv: np.ndarray | None = None, bases: ModelBases | None = None, **marks: Any) -> FaceModel:
    """A bulging square of 8 x 8 vertices."""
    y, x = np.meshgrid(np.linspace(80, -80, SIDE), np.linspace(-70, 70, SIDE), indexing="ij")
    mean = np.stack([x, y, -(x**2 + y**2) / 200], -1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).reshape(-1)
    upper = np.stack([corner, corner + SIDE, corner + 1], 1)
    lower = np.stack([corner + 1, corner + SIDE, corner + SIDE + 1], 1)
    return FaceModel.from_arrays(
        ModelFacts("sheet"),
        ModelMesh(mean, np.concatenate([upper, lower]), uv=uv, origin=np.zeros(3)),
        bases,
        **marks,
    )


def info_of(model: FaceModel, tmp_path) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    facts = write_model_info(str(save_npz(model, tmp_path / "m.npz")), tmp_path / "info")
    pictures = {path.stem: read_image(path) for path in (tmp_path / "info").glob("*.png")}
    return facts, pictures


def test_a_bare_surface(tmp_path):
    facts, pictures = info_of(sheet(), tmp_path)
    assert set(pictures) == {"mean"}
    assert facts["landmark_sets"] == {} and facts["uv"] == "none"
    assert facts["identity_spread_mm"] == 0
    assert "landmarks_ibug68_vertices" in str(facts["fitting"])


@pytest.mark.parametrize("count", [5, 51, 68])
def test_sets_of_any_number_of_landmarks(tmp_path, count):
    """Drawn white on grey, in a fourth picture beside the three views."""
    points = LandmarkSet.from_vertices("mine", list(range(64))[:count] + [0] * max(0, count - 64))
    facts, pictures = info_of(sheet(landmarks={"mine": points}), tmp_path)
    assert facts["landmark_sets"] == {"mine": f"{count} of {count} (3d)"}
    cell = pictures["mean"].shape[0]
    assert pictures["mean"][:, 3 * cell :].max() == 255
    assert pictures["mean"][:, : 3 * cell].max() < 255


def test_everything_that_a_model_has_is_drawn(tmp_path):
    dice = np.random.default_rng(0)
    half = np.arange(64) % SIDE < SIDE // 2
    grid = np.linspace(0, 1, SIDE)
    v, u = np.meshgrid(grid[::-1], grid, indexing="ij")
    model = sheet(
        np.stack([u, v], -1).reshape(-1, 2),
        ModelBases(dice.normal(0, 1, (3, 64, 3)), dice.normal(0, 1, (2, 64, 3))),
        regions={"half": half},
    )
    facts, pictures = info_of(model, tmp_path)
    assert set(pictures) == {"mean", "identity", "expressions", "random", "regions", "uv"}
    assert facts["regions"] == {"half": 32} and facts["uv"] == "64 coordinates"
    side = pictures["uv"].shape[0]
    chart, face = pictures["uv"][:, :side], pictures["uv"][:, 2 * side : 3 * side].astype(int)
    assert (chart.max(2) > 100).mean() > 0.03
    red = (face[..., 0] - face[..., 2]) > 40  # the board's corner lies upper left on the face
    rows, columns = np.nonzero(red)
    assert rows.max() < side * 0.55 and columns.max() < side * 0.55


def test_fitting_needs_landmarks():
    with pytest.raises(InputError, match=r"'sheet'.*ibug68.*docs/face_model_format"):
        FaceFitter(sheet())


def test_what_a_model_without_regions_is_trusted_by():
    """Beside, below and behind the jaw nothing; on the features all: by the default's regions."""
    from selfie3d.pipeline.fit.model import vertex_trust

    model = load_face_model("default-face")
    regions, model.regions = model.regions, {}
    trust = vertex_trust(model)[0, :, 0]
    for name in ("nose", "lips", "eyelids", "brows"):
        assert float((trust[regions[name]] == 1).float().mean()) > 0.9, name
    for name in ("ears", "neck"):
        assert float((trust[regions[name]] == 0).float().mean()) > 0.85, name
    assert float((trust[regions["forehead"]] < 1).float().mean()) > 0.8
    marks = model.landmarks["ibug68"]
    marks.valid[:5] = False
    assert bool((vertex_trust(model)[0, regions["neck"], 0] == 1).all())
    model.landmarks = {}
    assert torch.equal(vertex_trust(model), torch.ones(1, len(model.mean), 1))
