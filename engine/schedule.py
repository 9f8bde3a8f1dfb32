"""Learning rates over a run."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from ..core.errors import InputError
from .config import ScheduleConfig

_ROUNDING = 1e-9  # 7/10 epochs after 3/10 of one are a whole one


@dataclass(frozen=True)
class Position:
    """Where a run stands.

    Attributes:
        step: optimiser steps done. epoch: epochs done, with a fraction.
        seconds: of training.
    """

    step: int
    epoch: float
    seconds: float

    def count(self, unit: str) -> float:
        """In "steps", "epochs" or "seconds"."""
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
        """Of the learning rate of the next step."""
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
