"""Runs that are killed and go on."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace

import pytest
import torch
from line_task import (
    LineTask,
    WeighedTask,
    config,
    full_config,
    last_state,
    last_step,
)
from selfie3d.core.errors import InputError
from selfie3d.engine.checkpoint import load_checkpoint
from selfie3d.engine.config import OptimizerConfig, ScheduleConfig
from selfie3d.engine.trainer import Trainer

SCRIPT = """
from pathlib import Path
from line_task import WeighedTask, full_config
from selfie3d.engine.trainer import Trainer
settings = full_config(save_every=0.01, sync_batch_norm=True)
Trainer(WeighedTask(rows={rows}, pause=0.002), settings, Path({out!r}), {{}}).run()
"""


def assert_same(one, other):
    """Bit for bit, through nested containers."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


def everything(folder):
    """A run's last state, without the time that it took."""
    state = last_state(folder)
    timed = ("seconds", "saved", "validated")
    return {name: value for name, value in state.items() if name not in timed}


def run_to_the_end(fork_python, script, world=1, port=0):
    for process in fork_python(script, world, port):
        assert process.wait() == 0


def kill_at_steps(fork_python, script, out, moments, world=1, port=0):
    """Start the script again and again, killing every process soon after each moment."""
    reached = []
    for moment in moments:
        running = fork_python(script, world, port)
        while all(run.poll() is None for run in running) and last_step(out) < moment:
            time.sleep(0.003)
        for run in running:
            run.kill()  # SIGKILL
        for run in running:
            run.wait()
        reached.append(last_step(out))
    return reached


def test_a_run_killed_three_times_ends_as_one_that_was_not(tmp_path, fork_python):
    """Momentum, average, plateau, random draws, the task's own state, accumulated batches."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    Trainer(WeighedTask(rows=200), full_config(prefetch=0), whole, {}).run()
    script = SCRIPT.format(out=str(killed), rows=200)
    draw = random.Random(0)
    moments = [draw.randint(100 * k + 10, 100 * k + 90) for k in range(3)]
    steps = kill_at_steps(fork_python, script, killed, moments)
    assert all(step >= moment for step, moment in zip(steps, moments, strict=True))
    assert steps[-1] < 375
    run_to_the_end(fork_python, script)
    expected = everything(whole)
    assert expected["step"] == 375  # 30 epochs of 25 batches, two a step
    assert expected["schedule"]["falls"] > 0
    assert_same(everything(killed), expected)
    best = [load_checkpoint(folder / "checkpoints" / "best.pt") for folder in (whole, killed)]
    assert_same(best[1]["network"], best[0]["network"])
    lines = [json.loads(line) for line in (killed / "log.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["kind"] == "training"]
    assert steps == list(range(50, 376, 50))


def test_two_processes_killed_go_on_as_well(tmp_path, fork_python, free_port):
    """Each with its own random numbers, its own part of the batches and of the task's state."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    script = SCRIPT.format(out=str(killed), rows=40)
    assert 20 <= kill_at_steps(fork_python, script, killed, [20], 2, free_port)[0] < 75
    run_to_the_end(fork_python, script + SCRIPT.format(out=str(whole), rows=40), 2, free_port)
    expected = everything(whole)
    first, second = expected["ranks"]
    assert first["source"] == second["source"]
    assert not torch.equal(first["task"]["sum"], second["task"]["sum"])
    assert not torch.equal(first["random"]["torch"], second["random"]["torch"])
    assert_same(everything(killed), expected)


def test_another_network_is_refused(tmp_path):
    Trainer(LineTask(), config(2), tmp_path, {}).run()
    other = LineTask()
    other.network = torch.nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"checkpoints of this recipe.*another output folder"):
        Trainer(other, config(4), tmp_path, {}).run()
    sgd = replace(config(4), optimizer=OptimizerConfig(name="sgd", average=0.9))
    Trainer(LineTask(), sgd, tmp_path / "new", {}).run()


def test_the_best_checkpoint_outlives_the_latest(tmp_path):
    task = LineTask()
    errors = iter([3.0, 1.0, *[2.0] * 20])
    task.validate = lambda network: {"error": next(errors)}
    settings = config(12, keep=2, validate_every=2, validate_unit="steps")
    Trainer(task, settings, tmp_path, {}).run()
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["best.pt", "step_00000011.pt", "step_00000012.pt"]
    best = load_checkpoint(tmp_path / "checkpoints" / "best.pt")
    assert (best["step"], best["best"]) == (4, 1.0)
    assert json.loads((tmp_path / "best.json").read_text())["trained"]["step"] == 4


def test_goes_on_from_a_checkpoint_of_version_0_1(tmp_path):
    """Which knew no epochs, no schedule's state and one process."""

    def run(steps, folder):
        schedule = ScheduleConfig(steps=steps, warmup=5, shape="constant")
        Trainer(LineTask(), config(schedule=schedule), folder, {}).run()

    part = tmp_path / "part"
    run(10, tmp_path / "whole")
    run(5, part)
    path = part / "checkpoints" / "step_00000005.pt"
    state = load_checkpoint(path)
    old = {k: state[k] for k in ("step", "seconds", "seen", "best", "network", "average")}
    old |= {"optimizer": state["optimizer"], "source": state["ranks"][0]["source"]}
    old |= {"random": state["ranks"][0]["random"]["torch"], "saved": 1.0, "validated": 1.0}
    torch.save(old, path)
    run(10, part)
    ends = [last_state(folder) for folder in (tmp_path / "whole", part)]
    assert_same(ends[1]["network"], ends[0]["network"])
    assert ends[1]["batches"] == 10


def test_lines_of_steps_that_were_lost_are_taken_away(tmp_path):
    Trainer(LineTask(), config(6, log_every=2), tmp_path, {}).run()
    for path in (tmp_path / "checkpoints").glob("step_*"):
        if path.name > "step_00000004.pt":
            path.unlink()
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text() + '{"kind": "train')
    Trainer(LineTask(), config(6, log_every=2), tmp_path, {}).run()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "training"] == [2, 4, 6]
