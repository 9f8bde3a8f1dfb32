"""What changes the weights: optimisers, learning rates over a run, and the weights' average."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..core.errors import InputError
from .config import OptimizerConfig, ScheduleConfig

_RAMP = 20.0  # steps after which the average starts to be slower than step / (step + ramp)
_ROUNDING = 1e-9  # 7/10 epochs after 3/10 of one are a whole one


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimiser of a configuration; weight decay on tensors of two or more dimensions only."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.name == "sgd":
        return torch.optim.SGD(
            groups, lr=config.rate, momentum=config.momentum, nesterov=config.nesterov
        )
    first, second = config.betas
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    return kind(groups, lr=config.rate, betas=(first, second))


class AveragedNetwork:
    """A copy of a network that follows it slowly; early on it follows faster.

    Parameters and floating buffers follow as exponential moving averages, of which a step keeps
    the share min(decay, n / (n + 20)) after n steps; counters stay as they are.

    Args:
        network: what is followed.
        decay: share kept per step, in the long run; 0 makes a plain copy, which follows only when
            `catch_up` is called.

    Attributes:
        network: the copy, in evaluation mode and without gradients.

    Example:
        >>> line = nn.Linear(1, 1)
        >>> average = AveragedNetwork(line, decay=0.5)
        >>> before, _ = line.weight.item(), nn.init.zeros_(line.weight)
        >>> average.update(line, step=20)
        >>> bool(abs(average.network.weight.item() - before / 2) < 1e-6)
        True
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._average = AveragedModel(network, multi_avg_fn=self._follow, use_buffers=True)
        self.network: nn.Module = self._average.module.eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow `network`.

        Args:
            network: as it is now.
            step: number of optimiser steps that it has made, from 1.
        """
        if self.decay:
            self._average.n_averaged.fill_(step)
            self._average.update_parameters(network)

    @torch.no_grad()
    def catch_up(self, network: nn.Module) -> None:
        """Take the weights of `network` where nothing is averaged."""
        if not self.decay:
            self.network.load_state_dict(network.state_dict())

    def _follow(self, averages: Sequence[Tensor], values: Sequence[Tensor], _: object) -> None:
        """Average tensors of one type and device; the step is read where it lies, on the CPU."""
        if averages[0].is_floating_point():
            step = int(self._average.n_averaged)
            keep = min(self.decay, step / (step + _RAMP))
            torch._foreach_lerp_(list(averages), list(values), 1 - keep)


@dataclass(frozen=True)
class Position:
    """How far a run is, counted in three ways.

    Attributes:
        step: optimiser steps done.
        epoch: epochs done, with a fraction.
        seconds: of training.
    """

    step: int
    epoch: float
    seconds: float

    def count(self, unit: str) -> float:
        """The position counted in "steps", "epochs" or "seconds"."""
        return {"steps": float(self.step), "epochs": self.epoch, "seconds": self.seconds}[unit]


class Schedule:
    """What the learning rate is multiplied with, and how much of the run is done.

    Args:
        config: see `ScheduleConfig`.
    """

    def __init__(self, config: ScheduleConfig) -> None:
        self.config = config
        self._best = math.inf
        self._waited = self._falls = 0

    def progress(self, at: Position) -> float:
        """How much of the run is done, in [0,1]."""
        return min(self._units(at) / self._length(), 1.0)

    def factor(self, at: Position) -> float:
        """What the learning rate of the next step is multiplied with."""
        return self._warm(at) * self._shape(at)

    def observe(self, error: float | None) -> None:
        """Take note of a validation's figure, which should be small.

        Raises:
            InputError: a "plateau" has no figure to go by.
        """
        if self.config.shape != "plateau":
            return
        if error is None:
            raise InputError("validation", "a figure `error`, for shape plateau", "none")
        if error < self._best:
            self._best, self._waited = error, 0
            return
        self._waited += 1
        if self._waited >= self.config.patience:
            self._waited, self._falls = 0, self._falls + 1

    def state_dict(self) -> dict[str, Any]:
        """What `observe` has gathered."""
        return {"best": self._best, "waited": self._waited, "falls": self._falls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self._best, self._waited = state["best"], state["waited"]
        self._falls = state["falls"]

    def _units(self, at: Position) -> float:
        if self.config.steps:
            return at.step
        return at.epoch if self.config.epochs else at.seconds / 60

    def _length(self) -> float:
        return self.config.steps or self.config.epochs or self.config.minutes

    def _warm(self, at: Position) -> float:
        c = self.config
        done = at.epoch / c.warmup_epochs if c.warmup_epochs else (at.step + 1) / max(c.warmup, 1)
        return c.warmup_start + (1 - c.warmup_start) * min(done, 1.0)

    def _shape(self, at: Position) -> float:
        c = self.config
        if c.shape == "step":
            return float(c.factor ** self._steps_down(self._units(at) + _ROUNDING))
        if c.shape == "exponential":
            past = max(self._units(at) - self._warm_units(), 0.0)
            return float(c.factor ** int(past / (c.every or 1.0) + _ROUNDING))
        if c.shape == "plateau":
            return float(c.factor**self._falls)
        return 1.0 if c.shape == "constant" else self._cosine(self.progress(at))

    def _cosine(self, progress: float) -> float:
        c = self.config
        start = 0.0 if c.shape == "cosine" else 1 - c.decay
        fall = max(progress - start, 0.0) / max(1 - start, 1e-9)
        return c.floor + (1 - c.floor) * 0.5 * (1 + math.cos(math.pi * fall))

    def _steps_down(self, units: float) -> int:
        c = self.config
        return bisect_right(c.milestones, units) if c.milestones else int(units / c.every)

    def _warm_units(self) -> float:
        """The warm-up's length in the run's unit; 0 where it is given in another one."""
        if self.config.steps:
            return 0.0 if self.config.warmup_epochs else self.config.warmup
        return self.config.warmup_epochs if self.config.epochs else 0.0


def falls_due(at: Position, last: Position, every: float, unit: str) -> bool:
    """Whether a multiple of `every` lies after `last` and not after `at`; always if `every` is 0.

    Multiples, not distances, so that moments do not drift.
    """
    if every <= 0:
        return True
    return int(at.count(unit) / every + _ROUNDING) > int(last.count(unit) / every + _ROUNDING)
