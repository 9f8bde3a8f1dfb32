"""The small parts of the engine: optimisers, averages, checkpoints, timers, pictures, logs."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from line_task import LineTask
from PIL import Image
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.engine.checkpoint import checkpoints, keep_as, load_checkpoint, save_checkpoint
from selfie3d.engine.config import EngineConfig, OptimizerConfig
from selfie3d.engine.optimization import AveragedNetwork, make_optimizer
from selfie3d.engine.reporter import TermMeans, contact_sheet, write_picture
from selfie3d.engine.runtime import random_state, seed_everything, set_random_state
from selfie3d.engine.step_timer import NO_TIMER, StepTimer, Stopwatch
from selfie3d.engine.summary import Summary
from selfie3d.recipes.registry import find_recipe, recipe_names
from torch import nn

CPU = torch.device("cpu")


def test_average_follows():
    """Against the recursion written out."""
    network = nn.Linear(1, 1, bias=False)
    average = AveragedNetwork(network, 0.5)
    expected = network.weight.item()
    for step, value in enumerate((1.0, -2.0, 0.5, 4.0), start=1):
        with torch.no_grad():
            network.weight.fill_(value)
        average.update(network, step)
        average.catch_up(network)
        keep = min(0.5, step / (step + 20))
        expected = keep * expected + (1 - keep) * value
    assert average.network.weight.item() == pytest.approx(expected, rel=1e-5)


def test_without_an_average_the_copy_catches_up():
    network = nn.BatchNorm1d(3)
    average = AveragedNetwork(network, 0.0)
    network(torch.randn(4, 3))
    average.update(network, 1)
    assert average.network.num_batches_tracked == 0
    average.catch_up(network)
    assert average.network.num_batches_tracked == 1
    assert torch.equal(average.network.running_mean, network.running_mean)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_only_matrices_decay(name):
    groups = make_optimizer(LineTask().network, OptimizerConfig(name=name, decay=0.1)).param_groups
    decayed = {tuple(p.shape) for p in groups[0]["params"]}
    assert decayed == {(8, 2), (1, 8)}
    assert groups[0]["weight_decay"] == 0.1
    assert groups[1]["weight_decay"] == 0


def test_optimisers_are_what_they_are_called():
    network = LineTask().network
    sgd = make_optimizer(network, OptimizerConfig(name="sgd", momentum=0.8, nesterov=True))
    assert type(sgd) is torch.optim.SGD
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"]) == (0.8, True)
    assert sgd.param_groups[0]["weight_decay"] == 0
    adam = make_optimizer(network, OptimizerConfig(name="adam", betas=[0.5, 0.9]))
    assert type(adam) is torch.optim.Adam
    assert adam.defaults["betas"] == (0.5, 0.9)
    assert type(make_optimizer(network, OptimizerConfig())) is torch.optim.AdamW
    assert OptimizerConfig().weight_decay == 0.02


def test_checkpoints_are_whole_and_few(tmp_path):
    for step in (1, 2, 10, 9):
        path = save_checkpoint(tmp_path, step, {"step": step}, keep=2)
        if step == 2:
            keep_as(path, "best.pt")
    assert [p.name for p in checkpoints(tmp_path)] == ["step_00000009.pt", "step_00000010.pt"]
    assert load_checkpoint(checkpoints(tmp_path)[-1])["step"] == 10
    assert load_checkpoint(tmp_path / "best.pt")["step"] == 2
    keep_as(checkpoints(tmp_path)[0], "best.pt")
    assert load_checkpoint(tmp_path / "best.pt")["step"] == 9
    (tmp_path / "step_00000011.pt").write_bytes(b"cut off")
    with pytest.raises(InputError, match="checkpoint"):
        load_checkpoint(tmp_path / "step_00000011.pt")
    assert not list(tmp_path.glob("*.partial"))


def test_random_numbers_go_on_where_they_stood():
    import random

    def draw():
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()

    seed_everything(1, 2)
    draw()
    np.random.randn()  # a spare normal deviate
    state = random_state(CPU)
    expected = draw(), np.random.randn()
    seed_everything(3)
    assert (draw(), np.random.randn()) != expected
    set_random_state(state, CPU)
    assert (draw(), np.random.randn()) == expected


def test_timer_charges_the_innermost_stage():
    timer = StepTimer(CPU)
    for _ in range(2):
        with timer.step():
            with timer("forward"):
                time.sleep(0.01)
                with timer("network"):
                    time.sleep(0.03)
            time.sleep(0.01)
    seconds = timer.seconds()
    assert seconds["network"] >= 0.06
    assert 0.02 <= seconds["forward"] < seconds["network"]
    assert 0.02 <= seconds["other"] < seconds["network"]
    shares = timer.shares()
    assert next(iter(shares)) == "network"
    assert sum(shares.values()) == pytest.approx(1)
    with timer("outside a step"), NO_TIMER("nothing"):
        pass
    assert set(timer.seconds()) == {"network", "forward", "other"}


def test_stopwatch_leaves_pauses_out():
    watch = Stopwatch()
    time.sleep(0.01)
    with watch.paused():
        time.sleep(0.2)
    assert 0.01 <= watch.lap() < 0.2
    assert watch.lap() < 0.1


def test_contact_sheet_and_its_file(tmp_path):
    pictures = torch.stack([torch.full((3, 4, 6), v) for v in (0.0, 0.5, float("nan"), 2.0, 0.2)])
    sheet = contact_sheet(pictures)
    assert sheet.shape == (3, 10, 22)  # two rows of three, two pixels apart
    assert sheet[0, 0, [0, 8, 16]].tolist() == [0, 0.5, 0]
    assert sheet[0, 6, [0, 8]].tolist() == pytest.approx([1, 0.2])
    path = write_picture(tmp_path / "pictures", "faces", 12, sheet)
    assert path.name == "faces_00000012.png"
    with Image.open(path) as image:
        assert image.size == (22, 10)
        assert image.getpixel((8, 0)) == (128, 128, 128)
    with pytest.raises(InputError, match="pictures"):
        contact_sheet(torch.zeros(2, 4, 5))


def test_term_means():
    means = TermMeans()
    assert means.take() == ([], None)
    for value in (1.0, 2.0, 6.0):
        means.add({"a": torch.tensor(value), "b": torch.tensor(-value)})
    names, values = means.take()
    assert (names, values.tolist()) == (["a", "b"], [3.0, -3.0])
    assert means.take()[1] is None


def test_summary_lists_a_few_rejects():
    rejects = {f"set/{k}.jpg": "no face" for k in range(25)}
    summary = Summary(10, 320, 4.0, 2, 1, {"network": 0.75, "data": 0.25}, rejects, {})
    lines = summary.lines()
    assert lines[0] == "10 steps, 320 images, 4 s, 80 images/s"
    assert lines[1] == "time of a step: network 75 %, data 25 %"
    assert lines[2].startswith("2 steps left out")
    assert lines[-1] == "  and 15 more, see summary.json"
    assert len(summary.as_dict()["rejects"]) == 25


def test_recipes_have_what_the_engine_needs():
    assert "dense-points" in recipe_names()
    for name in recipe_names():
        config = find_recipe(name).config()
        assert config.recipe == name
        assert config.output
        assert isinstance(config.engine, EngineConfig)
    with pytest.raises(UnknownNameError, match="dense-points"):
        find_recipe("dense-point")
