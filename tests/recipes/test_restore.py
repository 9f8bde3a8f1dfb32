"""Checkpoints of older code: tensors and moments by name, defaults for what they do not say."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import torch
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError
from selfie3d.engine.checkpoint import checkpoints, load_checkpoint
from selfie3d.engine.optimization import make_optimizer
from selfie3d.engine.run_state import names_of_old, optimizer_names
from selfie3d.engine.trainer import Trainer
from selfie3d.recipes.dense import recipe as dense_recipe
from selfie3d.recipes.dense.recipe import TrainConfig, build_task

OLD = Path(__file__).parent / "old_dense_state.json"
SETTINGS = [
    "network.size=32", "network.width=4", "network.blocks=[1, 1]", "network.reduced=2",
    "vertices=6", "data.draw=8", "data.validate=4", "data.batch=4", "data.synthetic.size=48",
    "engine.threads=1", "engine.device=cpu",
    "network.hidden=0", "network.visibility=false", "network.segments=0",
]  # fmt: skip


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch):
    """Faces of one configuration are drawn once for all tests."""
    monkeypatch.setattr(dense_recipe, "draw_rendered", _draw)


_draw = functools.cache(dense_recipe.draw_rendered)


def configured(repository, folder, *more):
    path = repository / "configs" / "smoke.yaml"
    return load_config(TrainConfig, path, [f"output={folder}", *SETTINGS, *more])


def old_checkpoint(folder, task):
    """The stored description with random numbers in it, as a checkpoint of `folder`."""
    described = json.loads(OLD.read_text())
    own = task.network.state_dict()
    shapes = dict(described["network"])
    for name in ("head.linear.weight", "head.linear.bias"):  # rows follow the model's modes
        shapes[name][0] = len(own["head.linear.bias"])
    g = torch.Generator().manual_seed(0)

    def filled(shape):
        return 0.1 * torch.rand(shape, generator=g)

    network = {
        name: torch.tensor(7) if name.endswith("tracked") else filled(shape)
        for name, shape in shapes.items()
    }
    trained = names_of_old(torch.nn.Module(), network)
    moments = {
        k: {
            "step": torch.tensor(2.0),
            "exp_avg": filled(shapes[name]),
            "exp_avg_sq": filled(shapes[name]),
        }
        for k, name in enumerate(trained)
    }
    groups = [{**g, "betas": tuple(g["betas"])} for g in described["optimizer"]["groups"]]
    modes = described["modes"]
    state = {
        **described["values"],
        "network": network,
        "average": {name: value.clone() for name, value in network.items()},
        "optimizer": {"state": moments, "param_groups": groups},
        "schedule": {**described["schedule"], "best": float("inf")},
        "ranks": [{"source": described["source"], "task": {"variance": [0.5] * modes},
                   "random": None}],
    }  # fmt: skip
    path = folder / "checkpoints" / "step_00000002.pt"
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    return state, trained


def resumed(repository, folder, *more):
    """The trainer's task and optimiser as they stand after an old checkpoint was read."""
    config = configured(repository, folder, *more)
    task = build_task(config)
    state, trained = old_checkpoint(folder, task)
    trainer = Trainer(task, config.engine, folder, {})
    trainer._resume()
    return trainer, state, trained


def test_names_are_in_the_optimizers_order(repository, tmp_path):
    described = json.loads(OLD.read_text())
    config = configured(repository, tmp_path)
    network = build_task(config).network
    network.head.reduce.requires_grad_(False)
    optimizer = make_optimizer(network, config.engine.optimizer)
    own = {id(parameter): name for name, parameter in network.named_parameters()}
    order = [own[id(p)] for group in optimizer.param_groups for p in group["params"]]
    assert optimizer_names(network) == order
    network.requires_grad_(True)
    before = {k: torch.zeros(shape) for k, shape in described["network"].items()}
    names = names_of_old(torch.nn.Module(), before)
    assert names == names_of_old(network, before) == optimizer_names(network)
    shapes = [list(before[name].shape) for name in names]
    assert shapes == described["optimizer"]["shapes"]


def test_an_old_run_goes_on(repository, tmp_path, capfd):
    trainer, state, trained = resumed(repository, tmp_path)
    network = trainer.task.network.state_dict()
    assert set(network) == set(state["network"])
    assert all(torch.equal(network[name], value) for name, value in state["network"].items())
    moments = trainer._parts.optimizer.state_dict()["state"]
    assert len(moments) == len(trained)
    for k, own in state["optimizer"]["state"].items():
        assert torch.equal(moments[k]["exp_avg"], own["exp_avg"])
    assert trainer._count.step == 2
    assert trainer.task.state_dict()["variance"][0] == 0.5
    assert trainer.task.state_dict()["sigma_scale"] == [1.0] * len(trainer.task.layout)
    assert "anew" not in capfd.readouterr().err


def test_an_old_run_goes_on_with_a_new_head(repository, tmp_path, capfd):
    """The segmentation begins anew, everything else where it stood; then it trains and resumes."""
    more = ["network.segments=16", "network.decoder=4", "engine.schedule.steps=4"]
    trainer, state, trained = resumed(repository, tmp_path, *more)
    assert "segments.answer.weight" in capfd.readouterr().err
    network = trainer.task.network.state_dict()
    assert all(torch.equal(network[name], value) for name, value in state["network"].items())
    optimizer = trainer._parts.optimizer
    places = optimizer_names(trainer.task.network)
    moments = optimizer.state_dict()["state"]
    before = dict(zip(trained, state["optimizer"]["state"].values(), strict=True))
    assert {places[k] for k in moments} == set(trained)
    for k, found in moments.items():
        assert torch.equal(found["exp_avg_sq"], before[places[k]]["exp_avg_sq"])
    trainer.run()
    last = load_checkpoint(checkpoints(tmp_path / "checkpoints")[-1])
    assert last["step"] == 4
    assert last["optimizer_names"] == places


def test_values_that_an_older_run_did_not_know_begin_at_their_defaults(repository, tmp_path):
    config = configured(repository, tmp_path, "engine.schedule.steps=3")
    task = build_task(config)
    state, _ = old_checkpoint(tmp_path, task)
    for name in ("epoch_begun", "skipped", "precision", "rejects", "schedule", "validated"):
        del state[name]
    torch.save(state, tmp_path / "checkpoints" / "step_00000002.pt")
    Trainer(task, config.engine, tmp_path, {}).run()
    assert load_checkpoint(checkpoints(tmp_path / "checkpoints")[-1])["step"] == 3


def test_another_network_is_refused(repository, tmp_path):
    config = configured(repository, tmp_path, "network.width=8")
    task = build_task(config)
    old_checkpoint(tmp_path, task)
    with pytest.raises(InputError, match=r"checkpoints of this recipe.*stem\.0\.0\.weight"):
        Trainer(task, config.engine, tmp_path, {}).run()
    assert [path.name for path in checkpoints(tmp_path / "checkpoints")] == ["step_00000002.pt"]
