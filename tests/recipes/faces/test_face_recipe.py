"""The recipe `faces` from its configuration to its files."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.engine.trainer import Trainer
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.models.weights import load_weights
from selfie3d.recipes.faces.network import FaceNetworkConfig, build_face_network
from selfie3d.recipes.faces.recipe import FaceTrainConfig, build_face_task

POINTS = "network={options: {size: 64, width: 8, blocks: [1, 1, 1]}, vertices: 60}"
PARAMETERS = "network={name: mobilenet_v2, layout: deep3d, options: {size: 64}}"


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of a few drawn faces."""
    folder = tmp_path_factory.mktemp("faces")
    DATASETS.create("drawn", str(folder), count=8, size=72)
    return folder


def configured(faces, out, *overrides: str) -> FaceTrainConfig:
    one = f"[{{name: rendered, root: '{faces}'}}]"
    settings = [
        f"data.train={one}", f"data.validation={one}", "data.validate=4", "data.batch=4",
        f"output={out}", "engine.schedule.steps=2", "engine.schedule.warmup=1",
        "engine.threads=1", "engine.precision=float32", "engine.prefetch=0",
        "loss.landmarks=0.001",
    ]  # fmt: skip
    return load_config(FaceTrainConfig, None, [*settings, *overrides])


def train(config: FaceTrainConfig, out) -> dict[str, float]:
    return Trainer(build_face_task(config), config.engine, out, {}).run()


@pytest.mark.parametrize("network", [POINTS, PARAMETERS])
def test_trains_writes_and_goes_on_from_its_weights(faces, tmp_path, network):
    out = tmp_path / "run"
    figures = train(configured(faces, out, network), out)
    assert {"error", "L1", "PSNR", "SSIM"} <= set(figures)
    assert all(math.isfinite(value) for value in figures.values())
    assert any((out / "pictures").glob("faces_*.png"))
    weights = load_weights(out / "last.safetensors")
    assert weights.kind == ("points" if network == POINTS else "parameters")
    model = load_face_model("default")
    again = build_face_network(FaceNetworkConfig(start=str(out / "last.safetensors")), model)
    images = torch.rand(2, 3, again.size, again.size)
    with torch.no_grad():
        found = again.decode(again.network.eval()(images))
        same = again.decode(weights.network.eval()(images))
    assert torch.allclose(found.camera.translation, same.camera.translation, rtol=1e-4, atol=1e-3)
    assert found.coefficients.identity.shape == (2, model.sizes[0])


@pytest.mark.parametrize("lacking", [0, 17])
def test_another_face_model_by_one_setting(faces, tmp_path, lacking):
    """The drawn faces are known in the default model's coefficients."""
    own = load_face_model("default")
    own.name, own.identity, own.mirror = "mine", own.identity[:7], None
    own.landmarks = {"ibug68": replace(own.landmarks["ibug68"])}
    own.landmarks["ibug68"].valid[:lacking] = False
    path = save_npz(own, tmp_path / "mine.npz")
    config = configured(faces, tmp_path / "run", PARAMETERS, f"face_model={path}")
    task = build_face_task(config)
    terms = task.losses(task.network, next(task.source))
    assert {"points", "depth", "coefficients", "photometric"} <= set(terms)
    figures = train(config, tmp_path / "run")
    assert all(math.isfinite(value) for value in figures.values())
    weights = load_weights(tmp_path / "run" / "last.safetensors")
    assert weights.face_model == "mine" and weights.parameters.spec.sizes[0] == 7


def test_weights_in_the_published_range_start_a_run(faces, tmp_path):
    """The shipped ones: nearly as good after two steps of a small rate."""
    out = tmp_path / "run"
    config = configured(faces, out, "network.start=default", "engine.optimizer.rate=1e-6")
    assert train(config, out)["error"] < 8


def test_frozen_parts_keep_their_values(faces, tmp_path):
    config = configured(
        faces, tmp_path, "network.start=default", "network.frozen=[stem, stages]",
        "engine.optimizer.rate=1e-3",
    )  # fmt: skip
    task = build_face_task(config)
    before = {k: v.clone() for k, v in task.network.named_parameters()}
    Trainer(task, config.engine, tmp_path, {}).run()
    moved = {k for k, v in task.network.named_parameters() if not torch.equal(v, before[k])}
    assert moved and all(name.startswith(("head", "refine")) for name in moved)
    with pytest.raises(InputError, match=r"network\.frozen.*stem, stages, head"):
        build_face_task(configured(faces, tmp_path, "network.frozen=[stme]"))


@pytest.mark.parametrize("fixed", [True, False])
def test_norms_keep_their_statistics_where_asked(faces, tmp_path, fixed):
    config = configured(faces, tmp_path, "network.start=default", f"network.fixed_norms={fixed}")
    task = build_face_task(config)
    before = {k: v.clone() for k, v in task.network.named_buffers() if k.endswith("running_mean")}
    Trainer(task, config.engine, tmp_path, {}).run()
    after = dict(task.network.named_buffers())
    assert all(torch.equal(after[k], v) for k, v in before.items()) == fixed


def test_colours_alone_may_learn_from_images(faces, tmp_path):
    """Then no gradient reaches what places the points."""
    config = configured(
        faces, tmp_path, "network.start=default", "loss.shape_learns=false",
        "loss.landmarks=0", "loss.prior=0", "loss.points=0", "loss.depth=0", "loss.coefficients=0",
    )  # fmt: skip
    task = build_face_task(config)
    terms = task.losses(task.network, next(task.source))
    assert set(terms) == {"photometric"}
    terms["photometric"].backward()
    gradient = task.network.head.linear.weight.grad
    points = 4 * task.network.options.points
    assert float(gradient[:points].abs().max()) == 0
    assert float(gradient[points:].abs().max()) > 0


UNTAUGHT = [
    f"loss.{name}=0" for name in ("photometric", "ssim", "identity", "landmarks",
                                  "landmark_errors", "points", "depth", "coefficients")
]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["data.train=[]"], InputError, r"data\.train"),
        (["data.train=[{name: celebb, root: x}]"], UnknownNameError, "celeba"),
        (["data.train=[{name: shards, root: nowhere}]"], MissingFileError, "nowhere"),
        (["data.crop=thight"], UnknownNameError, "tight"),
        (["network.name=resnet5O", "network.layout=deep3d"], UnknownNameError, "resnet50"),
        (["network.layout=deep3d"], InputError, "a network of parameters"),
        (["network.scales={angles: 0.1}"], InputError, r"network\.scales"),
        (["network.name=mobilenet_v1"], UnknownNameError, "points"),
        (["loss.identity=0.2"], MissingFileError, r"loss\.identity=0"),
        (UNTAUGHT, InputError, r"data\.train: .* a term of loss learns from.*known model"),
        (["face_model=nowhere.npz"], MissingFileError, "nowhere"),
    ],
)
def test_what_cannot_be_is_named(faces, tmp_path, overrides, error, message, monkeypatch):
    monkeypatch.setenv("SELFIE3D_WEIGHTS", str(tmp_path))
    with pytest.raises(error, match=message):
        build_face_task(configured(faces, tmp_path, *overrides))


def test_drawn_faces_are_drawn_once(faces):
    before = {path: path.stat().st_mtime_ns for path in faces.glob("*.npz")}
    assert len(DATASETS.create("drawn", str(faces), count=8, size=72)) == 8
    assert before == {path: path.stat().st_mtime_ns for path in faces.glob("*.npz")}
