"""Several processes on one machine, over gloo, against one."""

from __future__ import annotations

import json

import pytest
import torch
from line_task import FORTY_STEPS, ONE_STEP, LineTask, last_state, plain_gradients
from selfie3d.core.errors import InputError
from selfie3d.datasets.shards.rendered import DenseBatch
from selfie3d.engine.prefetch import shard
from selfie3d.engine.trainer import Trainer

SCRIPT = """
from dataclasses import replace
from pathlib import Path
import torch
from line_task import FORTY_STEPS, ONE_STEP, LineTask, config, plain_gradients
from selfie3d.engine.nonfinite import NonFiniteLossError
from selfie3d.engine.trainer import Trainer

out = Path({out!r})
plain = plain_gradients(LineTask(norm=False), ONE_STEP)
synchronised = plain_gradients(LineTask(), replace(ONE_STEP, sync_batch_norm=True))
alone = plain_gradients(LineTask(), ONE_STEP)
rank = torch.distributed.get_rank()
torch.save([plain, synchronised, alone], out / f"gradients_{{rank}}.pt")

settings = replace(FORTY_STEPS, sync_batch_norm=True)
Trainer(LineTask(), settings, out / "run", {{}}).run()
Trainer(LineTask(norm=False), FORTY_STEPS, out / "plain", {{}}).run()

poisoned = LineTask(poison=(3,))
try:
    Trainer(poisoned, config(10, prefetch=0, sync_batch_norm=True), out / "bad", {{}}).run()
except NonFiniteLossError as error:
    (out / f"error_{{rank}}.txt").write_text(str(error))
"""


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def together(request, tmp_path_factory, fork_python):
    """The folder that so many processes left, and how many."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out = tmp_path_factory.mktemp("together")
    running = fork_python(SCRIPT.format(out=str(out)), request.param, port)
    assert [process.wait() for process in running] == [0] * request.param
    return out, request.param


def test_gradients_are_those_of_one_process_with_the_whole_batch(together):
    out, world = together
    ranks = [torch.load(out / f"gradients_{k}.pt", weights_only=True) for k in range(world)]
    expected = [plain_gradients(LineTask(norm=norm), ONE_STEP) for norm in (False, True)]
    for plain, synchronised, _ in ranks:
        for found, wanted in zip((plain, synchronised), expected, strict=True):
            for name, gradient in wanted.items():
                torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-5)
    alone, wanted = ranks[0][2], expected[1]
    assert max(float((alone[name] - wanted[name]).abs().max()) for name in wanted) > 1e-2


def test_a_run_does_not_depend_on_the_number_of_processes(together, tmp_path):
    out, world = together
    Trainer(LineTask(), FORTY_STEPS, tmp_path, {}).run()
    one, many = last_state(tmp_path), last_state(out / "run")
    assert_same_weights(one, many, world)
    assert (one["seen"], one["batches"]) == (many["seen"], many["batches"])
    assert many["seen"] == 40 * 8
    logs = [folder / "log.jsonl" for folder in (tmp_path, out / "run")]
    ours, theirs = ([json.loads(line) for line in log.read_text().splitlines()] for log in logs)
    losses = [[e["loss"] for e in log if e["kind"] == "training"] for log in (ours, theirs)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_nor_does_one_without_norms(together, tmp_path):
    out, world = together
    Trainer(LineTask(norm=False), FORTY_STEPS, tmp_path, {}).run()
    assert_same_weights(last_state(tmp_path), last_state(out / "plain"), world)


def assert_same_weights(one, many, world):
    """To 1e-5 after forty steps of SGD with momentum and clipping, and they moved meanwhile."""
    for kind in ("network", "average"):
        for name, value in one[kind].items():
            rtol = 0 if world == 2 else 1e-4
            torch.testing.assert_close(many[kind][name], value, rtol=rtol, atol=1e-5)
    start = LineTask(norm="1.running_mean" in one["network"]).network.state_dict()
    moved = [(one["network"][name] - value).abs().max() for name, value in start.items()]
    assert max(map(float, moved)) > 0.1


def test_rejects_of_every_process_are_told(together):
    out, world = together
    summary = json.loads((out / "run" / "summary.json").read_text())
    assert summary["processes"] == world
    assert summary["rejects"] == {f"line/{rank}": "no line" for rank in range(world)}


def test_a_bad_batch_in_one_process_stops_all(together):
    """The one that has it names the sample and saves its part."""
    out, world = together
    texts = {(out / f"error_{rank}.txt").read_text() for rank in range(world)}
    assert len(texts) == 1
    owner = 2 // (8 // world)
    name = f"bad_step_2{f'_rank_{owner}' if owner else ''}.pt"
    assert f"batch saved as {out / 'bad' / name}" in texts.pop()
    assert [path.name for path in (out / "bad").glob("*.pt")] == [name]
    saved = torch.load(out / "bad" / name, weights_only=True)
    assert saved["x"].shape == (8 // world, 2)
    assert len(saved["samples"]) == 1


def test_parts_make_up_the_batch():
    whole = LineTask().source
    parts = [LineTask().source.shard(rank, 4) for rank in range(4)]
    for _ in range(14):  # more than an epoch
        batch = next(whole)
        rows = torch.cat([next(part).x for part in parts])
        assert torch.equal(rows, batch.x)
    assert all(part.state_dict() == whole.state_dict() for part in parts)
    assert all(len(part) == len(whole) for part in parts)


def test_rows_of_dense_batches():
    values = torch.arange(12.0)
    batch = DenseBatch(values.view(4, 3), values.view(4, 3) + 1, values.view(4, 3) + 2)[1:3]
    assert len(batch) == 2
    assert batch.coefficients.tolist() == [[5, 6, 7], [8, 9, 10]]


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(InputError, match="3 processes can divide"):
        shard(LineTask().source, 0, 3)
    with pytest.raises(InputError, match=r"shard\(\), for 2 processes"):
        shard(object(), 0, 2)
    assert shard(source := object(), 0, 1) is source
