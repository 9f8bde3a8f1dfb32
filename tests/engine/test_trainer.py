"""The loop: schedules, averages, and runs that are killed and go on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.rendered import EpochSource
from selfie3d.engine.average import AveragedNetwork
from selfie3d.engine.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from selfie3d.engine.config import EngineConfig, OptimizerConfig, ScheduleConfig
from selfie3d.engine.schedule import progress_of, rate_factor
from selfie3d.engine.trainer import NonFiniteLossError, Trainer, make_optimizer
from torch import nn


@dataclass
class Pairs:
    x: torch.Tensor
    y: torch.Tensor

    def to(self, device):
        return self

    def __len__(self) -> int:
        return len(self.x)


class LineTask:
    """Learns y = 3 x0 - x1 from batches that depend on rows and seed only."""

    def __init__(self, poison: int = -1) -> None:
        torch.manual_seed(7)
        self.network = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        self.source = EpochSource(self.make, lambda: 50, 8, seed=1)
        self.made, self.poison = 0, poison

    def make(self, rows, seed):
        g = torch.Generator().manual_seed(seed)
        x = torch.randn(len(rows), 2, generator=g) + rows[:, None] / 50
        self.made += 1
        if self.made == self.poison:
            x[0, 0] = torch.nan
        return Pairs(x, 3 * x[:, :1] - x[:, 1:])

    def losses(self, network, batch):
        return {"square": (network(batch.x) - batch.y).square().mean()}

    def validate(self, network):
        x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return {"error": float((network(x) - 3 * x[:, :1] + x[:, 1:]).abs().mean())}

    def export(self, network, facts):
        return {".json": json.dumps(facts).encode()}


def config(steps: int, **more) -> EngineConfig:
    settings = {"threads": 1, "device": "cpu", "precision": "float32", "save_every": 0.0}
    schedule = ScheduleConfig(steps=steps, warmup=5)
    optimizer = OptimizerConfig(rate=0.02, average=0.9)
    return EngineConfig(**{**settings, "schedule": schedule, "optimizer": optimizer, **more})


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    state = load_checkpoint(checkpoints(folder / "checkpoints")[-1])
    return {**state["network"], **{f"average {k}": v for k, v in state["average"].items()}}


def test_training_learns(tmp_path):
    task = LineTask()
    before = task.validate(task.network.eval())["error"]
    figures = Trainer(task, config(300), tmp_path, {"about": "a line"}).run()
    assert figures["error"] < 0.2 * before
    facts = json.loads((tmp_path / "best.json").read_text())
    assert facts["about"] == "a line"
    assert facts["trained"]["seen"] == 300 * 8
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["square"] for line in lines if line["kind"] == "training"]
    assert len(losses) == 6
    assert losses[-1] < losses[0]


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_trainer as t
t.Trainer(t.LineTask(), t.config(200, prefetch=2), Path({out!r}), {{}}).run()
"""


def test_a_run_killed_three_times_ends_as_one_that_was_not(tmp_path):
    """By SIGKILL, and with batches made ahead in a thread."""
    Trainer(LineTask(), config(200, prefetch=0), tmp_path / "whole", {}).run()
    out = tmp_path / "killed"
    script = SCRIPT.format(folder=str(Path(__file__).parent), out=str(out))
    command = [sys.executable, "-c", script]
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    moments = random.Random(0)
    steps = []
    for _ in range(3):
        run = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        reached = (steps[-1] if steps else 0) + moments.randint(5, 40)
        while run.poll() is None and last_step(out) < reached:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.wait()
        steps.append(last_step(out))
    assert 0 < steps[0] < steps[1] < steps[2] < 200
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    whole, killed = final_weights(tmp_path / "whole"), final_weights(out)
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[k], killed[k]) for k in whole)


def last_step(out: Path) -> int:
    found = checkpoints(out / "checkpoints")
    return int(found[-1].stem.split("_")[1]) if found else 0


def test_a_loss_that_is_not_finite_is_named(tmp_path):
    with pytest.raises(NonFiniteLossError, match=r"step 3.*square"):
        Trainer(LineTask(poison=4), config(20, prefetch=0), tmp_path, {}).run()


def test_an_error_in_the_data_thread_arrives(tmp_path):
    task = LineTask()

    def broken(rows, seed):
        raise InputError("row 3", "a picture", "something else")

    task.source._make = broken
    with pytest.raises(InputError, match="row 3"):
        Trainer(task, config(20, prefetch=2), tmp_path, {}).run()


def test_schedules():
    cosine = ScheduleConfig(steps=100, warmup=10, floor=0.0)
    flat = ScheduleConfig(steps=100, warmup=1, shape="flat", decay=0.4, floor=0.1)
    assert rate_factor(cosine, 0, 0.0) == pytest.approx(0.1)
    assert rate_factor(cosine, 50, 0.5) == pytest.approx(0.5)
    assert rate_factor(cosine, 100, 1.0) == pytest.approx(0.0)
    assert rate_factor(flat, 60, 0.6) == pytest.approx(1.0)
    assert rate_factor(flat, 80, 0.8) == pytest.approx(0.55)
    assert rate_factor(flat, 100, 1.0) == pytest.approx(0.1)
    assert progress_of(ScheduleConfig(minutes=2), 5, 30.0) == pytest.approx(0.25)
    with pytest.raises(InputError, match="steps or minutes"):
        ScheduleConfig(steps=0, minutes=0)


def test_average_follows():
    """Against the recursion written out."""
    network = nn.Linear(1, 1, bias=False)
    average = AveragedNetwork(network, 0.5)
    expected = network.weight.item()
    for step, value in enumerate((1.0, -2.0, 0.5, 4.0), start=1):
        with torch.no_grad():
            network.weight.fill_(value)
        average.update(network, step)
        keep = min(0.5, step / (step + 20))
        expected = keep * expected + (1 - keep) * value
    assert average.network.weight.item() == pytest.approx(expected, rel=1e-5)


def test_only_matrices_decay():
    groups = make_optimizer(LineTask().network, OptimizerConfig(decay=0.1)).param_groups
    decayed = {tuple(p.shape) for p in groups[0]["params"]}
    assert decayed == {(8, 2), (1, 8)}
    assert groups[1]["weight_decay"] == 0


def test_checkpoints_are_whole_and_few(tmp_path):
    for step in (1, 2, 10, 9):
        save_checkpoint(tmp_path, step, {"step": step}, keep=2)
    assert [p.name for p in checkpoints(tmp_path)] == ["step_00000009.pt", "step_00000010.pt"]
    assert load_checkpoint(checkpoints(tmp_path)[-1])["step"] == 10
    (tmp_path / "step_00000011.pt").write_bytes(b"cut off")
    with pytest.raises(InputError, match="checkpoint"):
        load_checkpoint(tmp_path / "step_00000011.pt")
    assert not list(tmp_path.glob("*.partial"))
