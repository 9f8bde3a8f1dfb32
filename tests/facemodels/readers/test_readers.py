"""Other people's models and the generic file, good and bad, through the same interface."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh


def tetrahedron() -> dict[str, np.ndarray]:
    return {
        "mean": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
        "faces": np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int64),
        "identity": np.ones((2, 4, 3), np.float16),
        "origin": np.zeros(3, np.float32),
        "unit": np.array("cm"),
    }


def write(path, arrays):
    np.savez(path, **arrays)
    return path


def test_generic_file(tmp_path):
    model = load_face_model(write(tmp_path / "t.npz", tetrahedron()))
    assert model.name == "t" and model.sizes == (2, 0, 0)
    assert torch.allclose(model.mean[1], torch.tensor([10.0, 0, 0]))
    assert model.identity.dtype == torch.float32 and float(model.identity[0, 0, 0]) == 10.0


def test_saved_models_read_back_identically(tmp_path):
    model = load_face_model("default")
    again = load_face_model(save_npz(model, tmp_path / "copy.npz"))
    for key in ("mean", "faces", "identity", "expression", "albedo_basis", "uv", "mirror"):
        assert torch.equal(getattr(model, key), getattr(again, key)), key
    assert again.expression_names == model.expression_names
    for name, points in model.landmarks.items():
        assert torch.equal(points.offset, again.landmarks[name].offset)
        assert torch.equal(points.vertices, again.landmarks[name].vertices)
    assert {k: int(v.sum()) for k, v in again.regions.items()} == {
        k: int(v.sum()) for k, v in model.regions.items()
    }


def changed(**update):
    return {**tetrahedron(), **update}


def nan_mean() -> np.ndarray:
    mean = tetrahedron()["mean"]
    mean[2, 1] = np.nan
    return mean


BAD = {
    "no faces": ({k: v for k, v in tetrahedron().items() if k != "faces"}, "faces"),
    "flat mean": (changed(mean=np.zeros(12, np.float32)), "mean"),
    "NaN": (changed(mean=nan_mean()), "mean"),
    "index out of range": (changed(faces=np.array([[0, 1, 9]])), "faces"),
    "basis of another mesh": (changed(identity=np.ones((2, 5, 3))), "identity"),
    "unknown unit": (changed(unit=np.array("inch")), "unit"),
    "unknown kind": (changed(identity_kind=np.array("pca")), "identity_kind"),
    "pickled": (changed(mean=np.array([{"a": 1}], dtype=object)), "pickle"),
    "mirror no permutation": (changed(mirror=np.zeros(4, np.int64)), "mirror"),
    "region of another mesh": (changed(region_nose=np.ones(3, bool)), "nose"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_content_is_named(tmp_path, case):
    arrays, named = BAD[case]
    path = write(tmp_path / "bad.npz", arrays)
    with pytest.raises(InputError, match=named) as error:
        load_face_model(path)
    assert "bad.npz" in str(error.value)


def test_damaged_files(tmp_path):
    whole = write(tmp_path / "whole.npz", tetrahedron()).read_bytes()
    cases = {"cut.npz": whole[: len(whole) // 2], "text.npz": b"not a model", "empty.npz": b""}
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF
    cases["flipped.npz"] = bytes(flipped)
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            load_face_model(tmp_path / name)


def test_missing_and_unknown(tmp_path):
    with pytest.raises(MissingFileError, match="nowhere"):
        load_face_model(tmp_path / "nowhere.npz")
    with pytest.raises(UnknownNameError, match="default-face"):
        load_face_model("default-haed")


def test_models_of_another_version_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="whole head since version 2"):
        load_face_model("default-head")
    header = {"format": "selfie3d-subdivision-model-1", "licence": "CC0-1.0"}
    np.savez(tmp_path / "old.npz", header=np.array(json.dumps(header)), mean=np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"old\.npz.*version 3.*version 1.*model build"):
        load_face_model(tmp_path / "old.npz")
    header = {"format": "selfie3d-subdivision-model-2", "version": 3}
    np.savez(tmp_path / "cut.npz", header=np.array(json.dumps(header)), mean=np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"cut\.npz.*quads"):
        load_face_model(tmp_path / "cut.npz")


def outward(model: FaceModel) -> float:
    corner = model.mean[model.faces]
    normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return float(normal.sum(0)[2])


def check_same_frame(model: FaceModel, tolerance: float) -> None:
    """Landmarks of another model lie near the default model's, in mm and the same axes."""
    default = load_face_model("default")
    expected = default.landmark_points(default.mean[None])[0]
    points = model.landmark_points(model.mean[None])[0]
    valid = ~points[:, 0].isnan()
    distance = (points - expected)[valid].norm(dim=1)
    assert distance.mean() < tolerance
    assert outward(model) > 0


def test_ict(shared_data):
    path = shared_data("models", "ict", "ict_face9409.npz")
    model = load_face_model(path)
    assert model.name == "ict-facekit" and model.sizes == (100, 57, 0)
    raw = np.load(path)
    scaled = torch.from_numpy(raw["base"]) * 10
    assert torch.allclose(model.mean - model.mean[0], scaled - scaled[0], atol=1e-3)
    assert torch.allclose(model.identity[3], torch.from_numpy(raw["identity"][3]).float() * 10)
    assert model.mirror is not None
    gap = model.mean[model.mirror] * torch.tensor([-1.0, 1, 1]) - model.mean
    assert float(gap.norm(dim=1).max()) < 0.1  # mm
    assert {k: int(v.sum()) for k, v in model.regions.items()}["narrow-face"] == 6706
    check_same_frame(model, 12.0)


def test_sfm(shared_data):
    path = shared_data("models", "sfm", "sfm_3448.npz")
    model = load_face_model(path)
    assert model.name == "sfm-3448" and model.sizes == (63, 6, 0)
    assert int(model.landmarks["ibug68"].valid.sum()) == 50
    raw = np.load(path)
    assert np.isclose(model.identity[0].norm(), np.sqrt(raw["eigenvalues"][0]), rtol=1e-4)
    assert np.corrcoef(model.uv[:, 1], model.mean[:, 1])[0, 1] > 0.9  # v is up
    check_same_frame(model, 12.0)


def test_from_arrays_estimates_the_origin():
    default = load_face_model("default")
    moved = FaceModel.from_arrays(
        ModelFacts("moved"),
        ModelMesh((default.mean + torch.tensor([5.0, -7.0, 11.0])) / 10, default.faces, unit="cm"),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", _ids(default))},
    )
    assert (moved.mean - default.mean).norm(dim=1).max() < 6


def _ids(model: FaceModel) -> torch.Tensor:
    return model.landmarks["ibug68"].vertices[:, 0]
