"""Every recipe's training on a device that is not the CPU: nothing may stay behind.

No GPU is needed: the device is pretended, see elsewhere.py. test_cuda.py has a real one.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from elsewhere import DEVICE, Elsewhere, Far
from selfie3d.engine import trainer
from selfie3d.engine.runtime import PlainRuntime
from selfie3d.models.weights import load_weights
from small_recipes import CASES, build, configured, data_settings, step

pytestmark = pytest.mark.usefixtures("one_thread")
WAITS = 4  # that a step may cost beside the copies for a rasterizer of the CPU


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return data_settings(tmp_path_factory.mktemp("faces"))


@pytest.fixture
def elsewhere(monkeypatch):
    """The pretended device, which autocast takes for the CPU."""
    real = torch.autocast

    def autocast(kind, *arguments, **options):
        return real("cpu" if kind == DEVICE.type else kind, *arguments, **options)

    monkeypatch.setattr(torch, "autocast", autocast)
    return Elsewhere()


def near(value):
    return value.near if isinstance(value, Far) else value


@pytest.mark.parametrize("name", CASES)
def test_a_step_elsewhere_is_a_step_here(repository, faces, elsewhere, name):
    task = build(configured(repository, faces, name), name)
    batch, network = next(task.source), task.network.train()
    start = copy.deepcopy(network.state_dict())
    expected, wanted = step(task, network, batch)
    network.load_state_dict(start)
    with elsewhere:
        network.to(DEVICE)
        found, grads = step(task, network, batch.to(DEVICE))
        assert all(isinstance(term, Far) for term in found.values())
        before = elsewhere.waits.copy()
        step(task, network, batch.to(DEVICE))
        again = elsewhere.waits - before
    for term, value in expected.items():
        torch.testing.assert_close(near(found[term]), value, rtol=1e-5, atol=1e-6)
    for weight, gradient in wanted.items():
        if gradient is not None:
            torch.testing.assert_close(near(grads[weight]), gradient, rtol=1e-3, atol=1e-3)
    assert sum(again.values()) - again["to the CPU"] <= WAITS


@pytest.mark.parametrize("name", ["points", "csanet", "uv"])
def test_a_run_elsewhere(repository, faces, elsewhere, name, monkeypatch, tmp_path):
    """Steps, a validation with pictures, checkpoints and exported weights."""
    config = configured(repository, faces, name)
    schedule = replace(config.engine.schedule, steps=2, epochs=0, minutes=0, warmup=0)
    engine = replace(config.engine, schedule=schedule, log_every=1)
    task = build(config, name)
    runtime = PlainRuntime("cpu")
    runtime.device = DEVICE
    monkeypatch.setattr(trainer, "make_runtime", lambda device: runtime)
    with elsewhere:
        figures = trainer.Trainer(task, engine, tmp_path, {}).run()
    assert math.isfinite(figures["error"])
    weights = load_weights(tmp_path / "last.safetensors")
    assert all(value.device.type == "cpu" for value in weights.network.state_dict().values())


def test_what_stays_behind_is_found(elsewhere):
    with elsewhere:
        there, here = torch.zeros(3).to(DEVICE), torch.zeros(3)
        meetings = [
            lambda: there + here,
            lambda: torch.cat([there, here]),
            lambda: there[torch.tensor([1])],
        ]
        for meet in meetings:
            with pytest.raises(RuntimeError, match="on the CPU, others elsewhere"):
                meet()
        with pytest.raises((TypeError, RuntimeError)):
            there.numpy()
        assert isinstance(there + torch.tensor(1.0), Far)  # as on CUDA
        assert isinstance(torch.ones(2, device=DEVICE) * there.new_tensor([1, 2]), Far)
        assert not isinstance(there.cpu(), Far) and float(there.sum()) == 0
    assert elsewhere.waits == {"to the CPU": 1, "_local_scalar_dense": 1}
