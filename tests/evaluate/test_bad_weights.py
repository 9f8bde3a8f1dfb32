"""Weights that a protocol cannot use: each error says what is wrong, and what to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.io import savemat
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.image_file import write_image
from selfie3d.evaluate.registry import Request
from selfie3d.evaluate.run import run_protocol
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.dense_points import PointLayout
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.sadrnet.layout import UvSpec
from selfie3d.models.weights import pack_weights

KINDS = ("points", "parameters", "uv")


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Weights of a kind for a face model of some name."""
    folder = tmp_path_factory.mktemp("weights")
    own = load_face_model("default-face")

    def write(kind, face_model):
        if kind == "points":
            layout = PointLayout(face_model, ("ibug68",), (5, 6), (1, 0))
            name, options = "dense-points", {"size": 64, "width": 4, "points": len(layout)}
            network = NETWORKS.create(name, **options, coefficients=239, reduced=2)
            options |= {"coefficients": 239, "reduced": 2}
        elif kind == "parameters":
            layout = make_layout("3ddfa", own.named(face_model), 64)
            name, options = "mobilenet_v1", {"size": 64, "width": 0.25, "outputs": layout.size}
            network = NETWORKS.create(name, **options)
        else:
            name, options = "sadrnet", {"size": 64, "width": 2}
            network, layout = NETWORKS.create(name, **options), UvSpec(face_model, 64, 64)
        path = folder / f"{kind}_{face_model.replace('/', '_')}.safetensors"
        path.write_bytes(pack_weights(network.eval(), name, options, layout=layout, facts={}))
        return path

    return write


@pytest.fixture
def aflw2000(tmp_path):
    """One photograph in the distributed layout."""
    folder = tmp_path / "set"
    folder.mkdir()
    points = np.random.default_rng(0).uniform(100, 300, (3, 68))
    write_image(folder / "i.jpg", np.full((450, 450, 3), 90, np.uint8))
    pose = np.zeros((1, 7), np.float32)
    savemat(folder / "i.mat", {"pt3d_68": points, "Pose_Para": pose})
    return folder


def evaluate(data, out, weights, *overrides):
    overrides = ("pictures=0", *overrides)
    return run_protocol("aflw2000", Request(data, out, str(weights), overrides=overrides))


@pytest.mark.parametrize("kind", KINDS)
def test_without_their_face_model(make, aflw2000, tmp_path, kind):
    """Trained with a file that only their maker has."""
    weights = make(kind, "models/mine.npz")
    with pytest.raises((InputError, MissingFileError), match=r"models/mine\.npz") as raised:
        evaluate(aflw2000, tmp_path / "out", weights)
    assert "face_model=FILE" in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_with_another_face_model(make, aflw2000, tmp_path, monkeypatch, kind):
    """The message names both, and no image is counted as a failure instead."""
    weights = make(kind, "models/mine.npz")
    other = "selfie3d.pipeline.network.trained_model.load_face_model"
    monkeypatch.setattr(other, lambda name: load_face_model("default-face").named(name))
    with pytest.raises(InputError, match=r"face model 'other\.npz'.*for 'models/mine\.npz'"):
        evaluate(aflw2000, tmp_path / "out", weights, "face_model=other.npz")


@pytest.mark.parametrize("version", [None, "1", "99"])
def test_of_another_version_of_the_face_model(make, aflw2000, tmp_path, version):
    path = make("parameters", "default-face")
    with safe_open(str(path), framework="pt") as file:
        facts = {k: v for k, v in file.metadata().items() if k != "crc32"}
    facts.pop("face_model_version", None)
    if version is not None:
        facts["face_model_version"] = version
    other = tmp_path / "other.safetensors"
    save_file(load_file(path), other, facts)
    with pytest.raises(InputError, match=rf"version {version or 1}\b.*Train them anew"):
        evaluate(aflw2000, tmp_path / "out", other)


def test_a_checkpoint_or_a_folder_for_weights(aflw2000, tmp_path):
    """What lies beside the weights in a run."""
    (tmp_path / "checkpoints").mkdir()
    torch.save({"step": 1}, tmp_path / "checkpoints" / "step_00000001.pt")
    with pytest.raises(InputError, match=r"Checkpoints only go on: take best\.safetensors"):
        evaluate(aflw2000, tmp_path / "out", tmp_path / "checkpoints" / "step_00000001.pt")
    with pytest.raises(MissingFileError, match=r"A folder is there: take best\.safetensors"):
        evaluate(aflw2000, tmp_path / "out", tmp_path)


@pytest.mark.parametrize("kind", ["points", "uv"])
def test_of_another_kind(make, aflw2000, tmp_path, kind):
    """Activation maps are of networks of numbers."""
    request = Request(aflw2000, tmp_path / "out", str(make(kind, "default")))
    with pytest.raises(InputError, match=f"a network of parameters, got {kind}. Networks of UV"):
        run_protocol("activation", request)
