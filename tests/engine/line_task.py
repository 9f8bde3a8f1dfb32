"""A small task whose batches depend on rows and seed alone, for the tests of the engine."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace

import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.epochs import EpochSource
from selfie3d.engine.checkpoint import checkpoints, load_checkpoint
from selfie3d.engine.config import EngineConfig, OptimizerConfig, ScheduleConfig
from selfie3d.engine.task import Task
from torch import nn


@dataclass
class Pairs:
    """Rows of y = 3 x0 - x1."""

    x: torch.Tensor
    y: torch.Tensor
    names: tuple[str, ...]

    def to(self, device):
        return self

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        return Pairs(self.x[rows], self.y[rows], self.names[rows])


class LineSource(EpochSource):
    """Rejects one row of every batch that holds it, as a source of files would."""

    rejected = ()

    def rejects(self):
        return {f"line/{row}": "no line" for row in self.rejected}

    def shard(self, rank, world):
        part = super().shard(rank, world)
        part.__class__ = LineSource
        part.rejected = (rank,)
        return part


class LineTask(Task):
    """Learns the line.

    Args:
        norm: with a batch normalisation. dropout: share of hidden units.
        poison: numbers of batches (from 1) whose row 2 is not a number.
        pause: seconds that a batch takes to make.
    """

    def __init__(self, norm=True, dropout=0.0, poison=(), batch=8, rows=50, pause=0.0):
        torch.manual_seed(7)
        middle = nn.BatchNorm1d(8) if norm else nn.Identity()
        layers = nn.Linear(2, 8), middle, nn.Dropout(dropout), nn.Linear(8, 1)
        self.network = nn.Sequential(*layers)
        self.source = LineSource(self.make, lambda: rows, batch, seed=1)
        self.made, self.poison, self.pause = 0, poison, pause

    def make(self, rows, seed):
        g = torch.Generator().manual_seed(seed)
        x = torch.randn(len(rows), 2, generator=g) + rows[:, None] / 50
        self.made += 1
        time.sleep(self.pause)
        y = 3 * x[:, :1] - x[:, 1:]
        if self.made in self.poison:
            x[2, 0] = torch.nan
        return Pairs(x, y, tuple(f"line/{row}" for row in rows.tolist()))

    def losses(self, network, batch):
        with self.timer("network"):
            found = network(batch.x)
        return {"square": (found - batch.y).square().mean(), "size": 1e-3 * found.abs().mean()}

    def validate(self, network):
        x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return {"error": float((network(x) - 3 * x[:, :1] + x[:, 1:]).abs().mean())}

    def export(self, network, facts):
        return {".json": json.dumps(facts).encode()}


class WeighedTask(LineTask):
    """Weighs rows by what it gathered in the epoch before, and draws noise while it trains."""

    def __init__(self, **options):
        super().__init__(dropout=0.2, **options)
        self.weight, self.sum, self.epochs = torch.ones(()), torch.zeros(()), []

    def losses(self, network, batch):
        terms = super().losses(network, batch)
        self.sum = self.sum + terms["square"].detach()
        noise = 1 + 0.1 * torch.rand(())
        return {**terms, "square": terms["square"] * self.weight * noise}

    def begin_epoch(self, epoch, mean):
        self.epochs.append(epoch)
        self.weight, self.sum = 1 / (1 + mean(self.sum)), torch.zeros(())

    def state_dict(self):
        return {"weight": self.weight, "sum": self.sum, "epochs": self.epochs}

    def load_state_dict(self, state):
        self.weight, self.sum = state["weight"], state["sum"]
        self.epochs = list(state["epochs"])


def config(steps=0, schedule=None, optimizer=None, **more) -> EngineConfig:
    """One thread, float32, a checkpoint after every step."""
    settings = {"threads": 1, "device": "cpu", "precision": "float32", "save_every": 0.0}
    own = schedule or ScheduleConfig(steps=steps, warmup=5)
    best = optimizer or OptimizerConfig(rate=0.02, average=0.9)
    return EngineConfig(**{**settings, "schedule": own, "optimizer": best, **more})


def full_config(**more) -> EngineConfig:
    """Everything that has a state: momentum, average, plateau, accumulation, epochs."""
    schedule = ScheduleConfig(epochs=30, warmup_epochs=2, shape="plateau", factor=0.5, patience=2)
    optimizer = OptimizerConfig(name="sgd", rate=0.05, momentum=0.9, nesterov=True, average=0.9)
    own = {"accumulate": 2, "prefetch": 2, "validate_every": 1, "validate_unit": "epochs"}
    return replace(config(schedule=schedule, optimizer=optimizer), **{**own, **more})


def last_state(folder):
    """The latest checkpoint of a run."""
    return load_checkpoint(checkpoints(folder / "checkpoints")[-1])


def last_step(folder):
    """Steps of the latest checkpoint, 0 without one."""
    found = checkpoints(folder / "checkpoints")
    return int(found[-1].stem.split("_")[1]) if found else 0


def plain_gradients(task, config):
    """The gradients of one step without clipping, momentum or averages, by name of the weight."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from selfie3d.engine.trainer import Trainer

    before = {name: p.detach().clone() for name, p in task.network.named_parameters()}
    with TemporaryDirectory() as folder:
        Trainer(task, config, Path(folder), {}).run()
    return {name: before[name] - p.detach() for name, p in task.network.named_parameters()}


ONE_STEP = config(
    schedule=ScheduleConfig(steps=1, warmup=0, shape="constant"),
    optimizer=OptimizerConfig(name="sgd", rate=1.0, momentum=0.0, clip=0.0, average=0.0),
    prefetch=0,
)

# SGD: Adam makes steps of any size out of the rounding of gradients that are 0, as those of a bias
# before a normalisation.
FORTY_STEPS = config(
    40, optimizer=OptimizerConfig(name="sgd", rate=0.05, average=0.9), log_every=10, save_every=300
)


def broken(rows, seed):
    """A maker of batches that fails."""
    raise InputError("row 3", "a picture", "something else")
