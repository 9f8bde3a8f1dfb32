"""The loop: learning, accumulation, precision, bad batches, what it writes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from line_task import ONE_STEP, LineTask, WeighedTask, broken, config, last_state, plain_gradients
from selfie3d.core.errors import InputError
from selfie3d.engine.config import OptimizerConfig, ScheduleConfig
from selfie3d.engine.nonfinite import NonFiniteLossError
from selfie3d.engine.trainer import Trainer


def lines_of(folder, kind):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_training_learns(tmp_path, name):
    task = LineTask()
    before = task.validate(task.network.eval())["error"]
    optimizer = OptimizerConfig(name=name, rate=0.02, average=0.9)
    figures = Trainer(
        task, config(300, optimizer=optimizer, save_every=300), tmp_path, {"about": "a line"}
    ).run()
    assert figures["error"] < 0.2 * before
    facts = json.loads((tmp_path / "best.json").read_text())
    assert facts["about"] == "a line"
    assert facts["trained"]["seen"] == 300 * 8
    losses = [line["square"] for line in lines_of(tmp_path, "training")]
    assert len(losses) == 6
    assert losses[-1] < losses[0]


def test_accumulated_batches_give_the_gradients_of_one():
    whole = plain_gradients(LineTask(norm=False, batch=24), ONE_STEP)
    task = LineTask(norm=False, batch=24)
    parts = iter([task.source.shard(k, 3).__next__() for k in range(3)])
    task.source = Fixed(parts)
    found = plain_gradients(task, replace(ONE_STEP, accumulate=3))
    assert all(torch.allclose(found[name], whole[name], atol=1e-6) for name in whole)
    assert max(g.abs().max() for g in whole.values()) > 0.1


class Fixed:
    """Batches from a list."""

    def __init__(self, batches):
        self._batches = batches

    def __next__(self):
        return next(self._batches)

    def state_dict(self):
        return {}


def test_gradients_are_clipped():
    free = plain_gradients(LineTask(), ONE_STEP)
    clipped = replace(ONE_STEP, optimizer=replace(ONE_STEP.optimizer, clip=0.05))
    found = plain_gradients(LineTask(), clipped)
    norm = torch.cat([g.flatten() for g in free.values()]).norm()
    assert norm > 1
    for name, gradient in free.items():
        assert torch.allclose(found[name], gradient * 0.05 / norm, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_in_float32_losses(tmp_path, precision):
    task = LineTask()
    kinds = set()

    def losses(network, batch):
        out = network(batch.x)
        kinds.add((out.dtype, next(task.network.parameters()).dtype))
        return {"square": (out - batch.y).square().mean()}

    task.losses = losses
    before = task.validate(task.network.eval())["error"]
    figures = Trainer(task, config(200, precision=precision, save_every=300), tmp_path, {}).run()
    assert figures["error"] < 0.3 * before
    assert kinds == {(torch.float32, torch.float32)}
    state = last_state(tmp_path)
    assert bool(state["precision"]) is (precision == "float16")


def test_without_an_average_the_network_itself_is_saved(tmp_path):
    optimizer = OptimizerConfig(rate=0.02, average=0.0)
    task = LineTask()
    seen = []
    task.validate = lambda network: seen.append(network.state_dict()) or {"error": 1.0}
    Trainer(task, config(5, optimizer=optimizer), tmp_path, {}).run()
    assert last_state(tmp_path)["average"] is None
    assert seen[-1].keys() == task.network.state_dict().keys()
    assert all(torch.equal(seen[-1][k], v) for k, v in task.network.state_dict().items())


def test_stops_at_a_loss_that_is_not_finite_and_says_where(tmp_path):
    task = LineTask(poison=(4,))
    with pytest.raises(NonFiniteLossError, match=r"step 3.*square, size.*line/\d+; batch saved"):
        Trainer(task, config(20, prefetch=0), tmp_path, {}).run()
    saved = torch.load(tmp_path / "bad_step_3.pt", weights_only=True)
    assert saved["x"].shape == (8, 2)
    assert saved["samples"] == [saved["names"][2]]
    assert torch.isnan(saved["x"][2, 0])
    assert last_state(tmp_path)["step"] == 3


def test_skips_bad_batches_as_if_they_were_not_there(tmp_path):
    """Weights and running statistics are those of a run that never met them."""
    choice = {"prefetch": 0, "nonfinite": "skip"}
    Trainer(LineTask(poison=(3, 4, 9)), config(20, **choice), tmp_path / "bad", {}).run()
    source, clean = LineTask().source, LineTask()
    met = [next(source) for _ in range(23)]
    clean.source = Fixed(batch for k, batch in enumerate(met, 1) if k not in (3, 4, 9))
    Trainer(clean, config(20, **choice), tmp_path / "good", {}).run()
    bad, good = last_state(tmp_path / "bad"), last_state(tmp_path / "good")
    assert (bad["step"], bad["skipped"], good["skipped"]) == (20, 3, 0)
    for kind in ("network", "average"):
        assert all(torch.equal(bad[kind][name], good[kind][name]) for name in good[kind])
    told = lines_of(tmp_path / "bad", "nonfinite")
    assert [line["step"] for line in told] == [2, 2, 6]
    saved = sorted(path.name for path in (tmp_path / "bad").glob("*.pt"))
    assert saved == ["bad_step_2.pt", "bad_step_2_2.pt", "bad_step_6.pt"]
    assert all("square" in line["what"] and "line/" in line["what"] for line in told)
    summary = json.loads((tmp_path / "bad" / "summary.json").read_text())
    assert (summary["steps"], summary["skipped"], summary["images"]) == (20, 3, 160)


def test_a_bad_batch_does_not_spoil_what_the_task_gathers(tmp_path):
    task = WeighedTask(poison=(3, 20))
    Trainer(task, config(30, prefetch=0, nonfinite="skip"), tmp_path, {}).run()
    assert torch.isfinite(task.weight)
    assert torch.isfinite(task.sum)
    assert task.epochs == list(range(6))  # 32 batches, 6 an epoch


def test_gives_up_after_too_many_bad_batches_in_a_row(tmp_path):
    task = LineTask(poison=range(5, 100))
    settings = config(20, prefetch=0, nonfinite="skip", nonfinite_limit=3)
    with pytest.raises(NonFiniteLossError, match="step 4, 3 times in a row"):
        Trainer(task, settings, tmp_path, {}).run()
    assert task.made == 7


def test_traces_a_gradient_that_is_not_finite(tmp_path):
    """The root of 0 is finite, its slope is not."""
    task = LineTask(norm=False)
    make = task.make

    def with_zero(rows, seed):
        batch = make(rows, seed)
        batch.y[5] = 0
        return batch

    def losses(network, batch):
        away = network(batch.x) * (batch.y != 0)
        return {"root": away.abs().sqrt().mean()}

    task.source._make, task.losses = with_zero, losses
    with pytest.raises(NonFiniteLossError, match=r"step 0.*gradient; from line/\d+; batch"):
        Trainer(task, config(5, prefetch=0), tmp_path, {}).run()
    saved = torch.load(tmp_path / "bad_step_0.pt", weights_only=True)
    assert saved["samples"] == [saved["names"][5]]


def test_an_error_in_the_data_thread_arrives(tmp_path):
    task = LineTask()
    task.source._make = broken
    with pytest.raises(InputError, match="row 3"):
        Trainer(task, config(20, prefetch=2), tmp_path, {}).run()


def test_epochs_need_a_source_with_a_length(tmp_path):
    task = LineTask()
    task.source = Fixed(iter(()))
    with pytest.raises(InputError, match="with a length"):
        Trainer(task, config(schedule=ScheduleConfig(epochs=2)), tmp_path, {})


def test_lasts_as_many_epochs_as_it_is_told(tmp_path):
    schedule = ScheduleConfig(epochs=2.5, warmup=0)
    task = WeighedTask()
    settings = config(schedule=schedule, validate_every=1, validate_unit="epochs")
    Trainer(task, settings, tmp_path, {}).run()
    assert last_state(tmp_path)["step"] == 15  # 50 rows are 6 batches
    assert task.epochs == [0, 1, 2]
    assert [line["step"] for line in lines_of(tmp_path, "validation")] == [6, 12, 15]


def test_a_plateau_lowers_the_rate(tmp_path):
    """Figures that stop getting better at the fourth validation."""
    schedule = ScheduleConfig(steps=20, warmup=0, shape="plateau", factor=0.6, patience=4)
    task = LineTask()
    errors = iter([4.0, 3.0, 2.0, 1.0] + [1.0] * 20)
    task.validate = lambda network: {"error": next(errors)}
    settings = config(schedule=schedule, log_every=1, validate_every=1, validate_unit="steps")
    Trainer(task, settings, tmp_path, {}).run()
    rates = [line["rate"] / 0.02 for line in lines_of(tmp_path, "training")]
    assert rates[:8] == [1.0] * 8
    assert rates[8:12] == pytest.approx([0.6] * 4)
    assert rates[12:16] == pytest.approx([0.36] * 4)


def test_tells_where_the_time_went_and_what_was_rejected(tmp_path, capsys):
    task = LineTask()
    task.source.rejected = (3, 7)
    Trainer(task, config(10, log_every=5), tmp_path, {}).run()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["shares"]) == {
        "data",
        "forward",
        "network",
        "backward",
        "optimiser",
        "other",
    }
    assert sum(summary["shares"].values()) == pytest.approx(1, abs=0.01)
    assert summary["rejects"] == {"line/3": "no line", "line/7": "no line"}
    assert [line["name"] for line in lines_of(tmp_path, "reject")] == ["line/3", "line/7"]
    told = capsys.readouterr().err
    assert "10 steps, 80 images" in told
    assert "2 samples could not be used" in told


def test_pictures_and_tensorboard(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    task = LineTask()
    task.pictures = lambda network: {"faces": torch.full((3, 3, 4, 5), 0.5)}
    settings = config(6, log_every=2, tensorboard=True, validate_every=3, validate_unit="steps")
    Trainer(task, settings, tmp_path, {"configuration": {"rate": 0.02}}).run()
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["faces_00000003.png", "faces_00000006.png"]
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    scalars = {"training/square", "training/loss", "training/rate", "validation/error"}
    assert scalars <= set(tags["scalars"])
    assert tags["images"] == ["faces"]
    assert [event.step for event in events.Scalars("training/square")] == [2, 4, 6]
    text = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0]
    assert b"0.02" in text
