"""Training SADRNet and its ablations: one step, a run, its files, and going on."""

from __future__ import annotations

import json

import pytest
import torch
from selfie3d.core.config import load_config, resolved_dict
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.models.sadrnet.decoder import UvDecoder
from selfie3d.models.weights import load_weights
from selfie3d.recipes.registry import find_recipe
from selfie3d.recipes.uv.recipe import (
    UvNetworkConfig,
    UvTrainConfig,
    build_uv_network,
    build_uv_task,
)
from selfie3d.recipes.uv.task import HIDDEN
from selfie3d.train import run_training

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64
ROWS = {
    "sadrnet": {"position", "geometry", "deformation", "edges", "normals", "attention"},
    "sadrnet_position": {"position"},
    "sadrnet_regressed_pose": {"position", "deformation", "edges", "normals"},
    "sadrnet_no_attention": {"position", "geometry", "deformation", "edges", "normals"},
    "sadrnet_no_self_alignment": {"position", "attention"},
    "sadrnet_no_deformation": {
        "position", "geometry", "deformation", "edges", "normals", "attention",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Settings of a small run on faces that are drawn once."""
    root = tmp_path_factory.mktemp("faces")
    train = f"[{{name: drawn, root: {root / 'train'}, options: {{count: 6, size: 72}}}}]"
    seen = "options: {count: 3, size: 72, seed: 1}"
    return [
        f"data.train={train}",
        f"data.validation=[{{name: drawn, root: {root / 'validation'}, {seen}}}]",
        f"network.options.size={SIZE}",
        "network.options.width=4",
        "data.batch=3",
        "engine.threads=1",
    ]


def configured(repository, row, drawn):
    return load_config(UvTrainConfig, repository / "configs" / f"{row}.yaml", drawn)


@pytest.mark.parametrize("row", ROWS)
def test_a_few_steps_of_every_row_make_it_better(repository, drawn, row):
    """Table IV: its terms, finite gradients for every weight, a lower loss on the same faces."""
    task = build_uv_task(configured(repository, row, drawn))
    batch = next(task.source)
    network = task.network.train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    totals = []
    for _ in range(4):
        optimizer.zero_grad()
        terms = task.losses(network, batch)
        assert set(terms) == ROWS[row]
        totals.append(float(sum(terms.values()).detach()))
        sum(terms.values()).backward()
        for name, weight in network.named_parameters():
            assert torch.isfinite(weight.grad).all(), name
        optimizer.step()
    assert totals[-1] < totals[0]


def test_heads_start_at_the_size_of_faces(repository, drawn):
    """With the first batch's mean and spread; unscaled maps are as wide as a crop."""
    spread = {}
    for scaled in ("true", "false"):
        settings = [*drawn, f"network.scaled={scaled}"]
        task = build_uv_task(configured(repository, "sadrnet", settings))
        with torch.no_grad():
            maps = task.network.train()(next(task.source).images)
        spread[scaled] = [float(m.std()) for m in maps[:2]]
    assert all(0.8 < value < 1.2 for value in spread["false"])
    assert 0.1 < spread["true"][0] < 0.4
    assert 0.01 < spread["true"][1] < 0.15


def test_position_alone_is_the_face(repository, drawn):
    """Rows without a shape: what is aligned with the mean is still P."""
    task = build_uv_task(configured(repository, "sadrnet_position", drawn))
    figures = task.validate(task.network.eval())
    assert figures["error"] == pytest.approx(figures["error_posed"], rel=1e-3)
    assert figures["dense"] == pytest.approx(figures["dense_posed"], rel=1e-3)
    assert "attention" not in figures


def test_a_run_leaves_weights_figures_and_pictures(repository, drawn, tmp_path):
    out = tmp_path / "run"
    again = [f"output={out}", *drawn, "engine.log_every=1"]
    figures = run_training("sadrnet", [*again, "engine.schedule.epochs=2"])
    for name in ("error", "dense", "error_posed", "shape_mm", "turn_deg", "attention"):
        assert figures[name] >= 0
        assert figures[HIDDEN + name] >= 0
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    training = [line for line in lines if line["kind"] == "training"]
    assert len(training) == 4  # two epochs of two batches
    assert set(ROWS["sadrnet"]) <= set(training[0])
    names = {path.name.rsplit("_", 1)[0] for path in (out / "pictures").iterdir()}
    assert names == {"faces", "maps", HIDDEN + "faces", HIDDEN + "maps"}
    assert run_training("sadrnet", [*again, "engine.schedule.epochs=3"])["error"] >= 0
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert sum(line["kind"] == "training" for line in lines) == 6


def test_weights_come_back_and_give_faces(repository, drawn, tmp_path):
    task = build_uv_task(configured(repository, "sadrnet", drawn))
    network = task.network.eval()
    (suffix, content), *rest = task.export(network, {"note": "made"}).items()
    assert not rest
    path = tmp_path / f"some{suffix}"
    path.write_bytes(content)
    weights = load_weights(path)
    assert (weights.kind, weights.facts["note"], weights.maps.camera) == (
        "uv", "made", "perspective",
    )  # fmt: skip
    images = next(task.source).images
    with torch.no_grad():
        own, loaded = network(images), weights.network(images)
    for one, other in zip(own[:3], loaded[:3], strict=True):
        assert (one - other).norm() < 5e-3 * one.norm()  # matrices in float16
    model = load_face_model("default-face")
    faces = UvDecoder(weights.maps, model)(loaded)
    assert len(faces) == 3
    assert torch.isfinite(model.vertices(faces.coefficients)).all()
    started, name, spec = build_uv_network(UvNetworkConfig(start=str(path)), model)
    assert (name, spec, started.training) == ("sadrnet", weights.maps, True)


def test_the_configuration_spells_out_the_defaults(repository):
    """So that the ablations' files need not."""
    written = resolved_dict(load_config(UvTrainConfig, repository / "configs" / "sadrnet.yaml"))
    default = resolved_dict(UvTrainConfig())
    for section in ("loss", "engine"):
        assert written[section] == default[section]
    for key in ("augment", "occluders", "crop", "batch", "validate"):
        assert written["data"][key] == default["data"][key]
    network = build_uv_network(UvNetworkConfig(options={"size": SIZE}), load_face_model())[0]
    for key in ("attention", "self_alignment", "deformation", "width"):
        assert written["network"]["options"][key] == getattr(network.options, key)
    assert find_recipe("uv").config is UvTrainConfig


def test_wrong_settings_are_named(repository, drawn):
    def build(*changes):
        return build_uv_task(configured(repository, "sadrnet", [*drawn, *changes]))

    with pytest.raises(InputError, match=r"network\.name"):
        build_uv_network(UvNetworkConfig(name="mobdensenet"), load_face_model())
    with pytest.raises(InputError, match="validation"):
        build("data.validation=[]")
    with pytest.raises(InputError, match="camera"):
        build("network.camera=orthographic")
