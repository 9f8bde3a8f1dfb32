"""Every configuration of 3DDFA's numbers: one step, one run, weights that predict the same."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.core.config import load_config, peek_config
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.photographs.rendered import RenderedPhotographs
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.engine.optimization import make_optimizer
from selfie3d.engine.trainer import Trainer
from selfie3d.evaluate.predict.crops import CropPredictor
from selfie3d.geometry.camera import WeakPerspectiveCamera
from selfie3d.models.tddfa.whitening import compute_whitening
from selfie3d.models.weights import load_weights
from selfie3d.pipeline.network.start import open_crop_network
from selfie3d.recipes.tddfa import recipe
from selfie3d.recipes.tddfa.recipe import TddfaTrainConfig, build_tddfa_task
from selfie3d.recipes.tddfa.task import TddfaSamples

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
FILES = sorted(p.stem for p in CONFIGS.glob("*.yaml") if peek_config("recipe", "", p) == "tddfa")
PLAIN = [name for name in FILES if name not in ("csanet_300wlp", "tddfa_wpdc_vdc")]
COUNT = 24


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    write_shards(folder, SyntheticConfig(size=80, seed=5), COUNT)
    return folder


def settings(shards, out, name="tddfa_wpdc", **changes):
    """A shipped configuration on a few small faces."""
    size = 48 if name == "tddfa_cascade" else 64
    data = f"[{{name: rendered, root: {shards}}}]"
    own = {
        "output": out,
        "network.options.size": size,
        "data.train": data,
        "data.validation": data,
        "data.batch": 8,
        "data.readers": 1,
        "data.validate": 8,
        "whitening.samples": COUNT,
        "engine.precision": "float32",
        "engine.prefetch": 0,
        "engine.threads": 1,
        "engine.device": "cpu",
    }
    overrides = [f"{key}={value}" for key, value in {**own, **changes}.items()]
    return load_config(TddfaTrainConfig, CONFIGS / f"{name}.yaml", overrides)


def weights_file(task, path):
    path.write_bytes(task.export(task.network.eval(), {})[".safetensors"])
    task.network.train()
    return path


def assert_one_step_lowers_the_loss(task, config):
    """By the configuration's own optimiser, at its rate or a smaller one, on one batch."""
    batch = next(task.source)
    task.network.train()

    def loss():
        torch.manual_seed(3)  # the same vertices
        return torch.stack(list(task.losses(task.network, batch).values())).sum()

    start, reached = copy.deepcopy(task.network.state_dict()), []
    for share in (1, 0.1, 0.01, 0.001):
        task.network.load_state_dict(start)
        optimizer = make_optimizer(task.network, config.engine.optimizer)
        for group in optimizer.param_groups:
            group["lr"] *= share
        optimizer.zero_grad()
        before = loss()
        before.backward()
        optimizer.step()
        with torch.no_grad():
            reached.append(float(loss()))
        if reached[-1] < 0.9999 * float(before.detach()):
            return
    pytest.fail(f"from {float(before.detach())} to {reached}")


def test_there_is_a_configuration_for_every_row():
    """CSANet's table 2, its ablation, R3FA's table 2."""
    rows = ["csanet", "csanet_no_sge", "damdnet", "tddfa_pdc", "tddfa_vdc", "tddfa_wpdc"]
    rows += ["tddfa_wpdc_vdc", "tddfa_cascade", "mobdensenet", "r3fa_resnext50"]
    rows += ["r3fa_mobilenet_v2", "r3fa_densenet121", "csanet_no_ca", "csanet_hswish"]
    assert set(rows) <= set(FILES)


@pytest.mark.parametrize("name", PLAIN)
def test_one_step(name, shards, tmp_path):
    config = settings(shards, tmp_path, name)
    task = build_tddfa_task(config)
    assert_one_step_lowers_the_loss(task, config)
    wanted = {n for n in ("wing", "wpdc", "pdc", "vdc") if getattr(config.loss, n)}
    terms = task.losses(task.network, next(task.source))
    assert set(terms) == wanted
    assert all(p.grad is not None for p in task.network.parameters())


def test_one_step_of_the_second_phase(shards, tmp_path):
    """From the weights of the first: network, options and whitening come along."""
    first = build_tddfa_task(settings(shards, tmp_path))
    start = weights_file(first, tmp_path / "first.safetensors")
    changes = {"network.start": start, "whitening.samples": 1}
    config = settings(shards, tmp_path, "tddfa_wpdc_vdc", **changes)
    task = build_tddfa_task(config)
    assert torch.equal(task.whitening.mean, first.whitening.mean)
    assert_one_step_lowers_the_loss(task, config)
    with pytest.raises(InputError, match="network of parameters"):
        build_tddfa_task(settings(shards, tmp_path, **{"network.start": "default"}))


def test_one_step_on_300w_lp(shared_data, tmp_path):
    for file in shared_data("300wlp").glob("AFW*"):
        folder = tmp_path / ("AFW_Flip" if "_Flip" in file.name else "AFW")
        folder.mkdir(exist_ok=True)
        (folder / file.name.replace("_Flip", "")).symlink_to(file)
    own = f"[{{name: 300w-lp, root: {tmp_path}}}]"
    changes = {
        "face_model": shared_data("models", "3ddfa"),
        "data.train": own,
        "data.validation": own,
        "data.test": "[]",
        "data.batch": 4,
    }
    config = settings(tmp_path, tmp_path, "csanet_300wlp", **changes)
    task = build_tddfa_task(config)
    assert_one_step_lowers_the_loss(task, config)
    figures = task.validate(task.network.eval())
    assert figures["baseline_error"] > 1 and figures["limit_error"] < 1
    assert task.pictures(task.network)["faces"].shape[1] == 2 * 2 * 64  # no shapes of 68 points


def test_whitening_is_that_of_the_training_crops(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "_SAMPLE_BATCH", 128)
    task = build_tddfa_task(settings(shards, tmp_path))
    rows = [task._targets(b) for b in FacePass(RenderedPhotographs(shards), "roi", 64, 8)]
    whole = compute_whitening(rows)
    # 128 draws of 24 faces, each of them 5 or 6 times
    assert float(((task.whitening.mean - whole.mean) / whole.std).abs().max()) < 0.2
    ratio = task.whitening.std / whole.std
    assert float(ratio.min()) > 0.85 and float(ratio.max()) < 1.15
    again = build_tddfa_task(settings(shards, tmp_path))
    assert torch.equal(task.whitening.std, again.whitening.std)


def test_statistics_of_a_file(shards, tmp_path):
    values = np.arange(62, dtype=np.float32)
    np.savez(tmp_path / "stats.npz", mean=values, std=values + 1)
    config = settings(shards, tmp_path, **{"whitening.file": tmp_path / "stats.npz"})
    own = build_tddfa_task(config).whitening
    assert own.mean.tolist() == values.tolist() and own.std.tolist() == (values + 1).tolist()


def small_run(shards, out, steps, **changes):
    own = {
        "network.options.width": 0.25,
        "engine.schedule.steps": steps,
        "engine.validate_every": 1e9,
        "engine.save_every": 0,
        "engine.log_every": 1,
    }
    return settings(shards, out, "tddfa_wpdc", **{**own, **changes})


def test_a_run_that_goes_on_keeps_its_whitening(shards, tmp_path):
    """Although its configuration would now give another."""
    out = tmp_path / "run"
    first = build_tddfa_task(small_run(shards, out, 2))
    figures = Trainer(first, small_run(shards, out, 2).engine, out, {}).run()
    names = {"error", "pose", "pitch", "yaw", "roll", "shape"}
    assert {n for n in figures if "_" not in n} == names
    assert {f"baseline_{n}" for n in names} <= set(figures)
    config = small_run(shards, out, 3, **{"whitening.samples": 1, "engine.seed": 9})
    second = build_tddfa_task(config)
    second._samples = TddfaSamples(lambda: pytest.fail("computed again"))
    Trainer(second, config.engine, out, {}).run()
    assert torch.equal(second.whitening.mean, first.whitening.mean)
    assert torch.equal(second.whitening.std, first.whitening.std)
    stored = load_weights(out / "last.safetensors").parameters
    assert torch.equal(stored.whitening.mean, first.whitening.mean)
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log if entry["kind"] == "training"] == [1, 2, 3]
    assert list((out / "pictures").glob("faces_*.png"))


@pytest.mark.parametrize("name", ["mobdensenet", "tddfa_cascade"])
def test_weights_predict_the_same_points(name, shards, tmp_path):
    """In the photograph, through the stored file, as the task's own network in its crop."""
    task = build_tddfa_task(settings(shards, tmp_path, name))
    torch.manual_seed(0)
    for _ in range(10):  # norms that have seen data
        task.losses(task.network, next(task.source))
    with torch.no_grad():
        for values in task.network.parameters():
            values.copy_(values.half())  # what a file holds
    file = weights_file(task, tmp_path / "weights.safetensors")
    predictor = CropPredictor(open_crop_network(load_weights(file)))
    data = RenderedPhotographs(shards)
    task.network.eval()
    batch = next(iter(FacePass(data, "roi", int(task.network.input_shape[-1]), 3)))
    faces = task._built.layout.decode(task._built.predict(task.network, batch.images))
    points = task._model.landmark_points(task._model.vertices(faces.coefficients))
    seen = faces.camera.project(points)[..., :2]
    for k in range(3):
        sample = data[k]
        known = sample.landmarks["ibug68-3d"]
        box = (*known.min(0).tolist(), *known.max(0).tolist())
        found = predictor(sample.picture, box)
        assert isinstance(found.camera, WeakPerspectiveCamera)
        matrix = batch.labels["crop"][k].double().numpy()
        moved = found.landmarks_68[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(moved, seen[k].numpy(), atol=0.01)
        assert set(found.pose_deg) == {"pitch", "yaw", "roll"}
        with pytest.raises(InputError, match="perspective"):
            _ = found.perspective


def test_faces_without_parameters_are_named(shards, tmp_path):
    task = build_tddfa_task(settings(shards, tmp_path))
    known = FacePass(RenderedPhotographs(shards), "roi", 64, 8)
    unknown = [replace(b, truth=None, known=None) for b in known]
    task._samples = TddfaSamples(lambda: unknown)
    with pytest.raises(InputError, match=r"face model default.*300W-LP"):
        _ = task.whitening
