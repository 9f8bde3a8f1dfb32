"""Training on CUDA against training on the CPU: `pytest -m gpu`; see docs/gpu.md."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from selfie3d.engine import trainer
from selfie3d.models.weights import load_weights
from small_recipes import CASES, build, configured, data_settings, step

GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(GPUS == 0, reason="needs CUDA"),
    pytest.mark.usefixtures("one_thread"),
]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return data_settings(tmp_path_factory.mktemp("faces"))


@pytest.fixture
def full_precision(monkeypatch):
    """No TF32 in convolutions and products."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


def cosine(one, other) -> float:
    return float(torch.cosine_similarity(one.flatten().double(), other.flatten().double(), 0))


def relative(one, other) -> float:
    return float((one - other).norm() / other.norm().clamp(min=1e-12))


@pytest.mark.parametrize("rasterizer", ["cpu", "auto"])
@pytest.mark.parametrize("name", CASES)
def test_a_step_on_cuda_is_a_step_on_the_cpu(repository, faces, full_precision, name, rasterizer):
    """With our own rasterizer to rounding, with another one to the pixels at its edges."""
    if name == "dense" and rasterizer == "auto":
        pytest.skip("the recipe dense-points renders nothing")
    more = [f"rasterizer={rasterizer}"] if name != "dense" else []
    task = build(configured(repository, faces, name, *more), name)
    batch, network = next(task.source), task.network.train()
    start = copy.deepcopy(network.state_dict())
    expected, wanted = step(task, network, batch)
    network.load_state_dict(start)
    network.cuda()
    found, grads = step(task, network, batch.to("cuda"))
    loose = rasterizer == "auto"
    for term, value in expected.items():
        assert found[term].is_cuda
        assert float(found[term]) == pytest.approx(float(value), rel=2e-2 if loose else 2e-3)
    known = [n for n, g in wanted.items() if g is not None]
    ours = torch.cat([wanted[n].flatten() for n in known])
    theirs = torch.cat([grads[n].cpu().flatten() for n in known])
    assert cosine(theirs, ours) > (0.98 if loose else 0.999)
    assert relative(theirs, ours) < (0.2 if loose else 0.05)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["points", "csanet", "uv", "dense"])
def test_a_run_on_cuda(repository, faces, name, precision, tmp_path):
    """Steps, a validation with pictures, checkpoints, exported weights; then it goes on."""
    config = configured(
        repository, faces, name, "engine.device=cuda", f"engine.precision={precision}"
    )
    schedule = replace(config.engine.schedule, steps=2, epochs=0, minutes=0, warmup=0)
    for steps in (2, 4):
        engine = replace(config.engine, schedule=replace(schedule, steps=steps), log_every=1)
        figures = trainer.Trainer(build(config, name), engine, tmp_path, {}).run()
        assert math.isfinite(figures["error"])
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["steps"] == 4
    weights = load_weights(tmp_path / "last.safetensors")
    assert all(torch.isfinite(v).all() for v in weights.network.state_dict().values())


@pytest.mark.skipif(GPUS < 2, reason="needs two CUDA devices")
def test_two_gpus_train_together(repository, tmp_path):
    """Over NCCL, with synchronised norms."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["smoke", f"output={tmp_path}", "engine.device=cuda", "engine.sync_batch_norm=true"]
    command = [sys.executable, *launch, str(repository / "train.py"), *words]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["processes"], summary["steps"]) == (2, 30)
