"""Every piece of state that a run needs to go on exactly, as plain values and tensors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .average import AveragedNetwork
from .precision import Precision
from .randomness import random_state, set_random_state
from .restore import fill_network, fill_optimizer, names_of_old, optimizer_names, refused
from .schedule import Position, Schedule
from .task import Task, gathered_state, restore_state

_START = Position(0, 0.0, 0.0)


@dataclass
class Counters:
    """How far a run is; alike in every process.

    Attributes:
        step: optimiser steps done. seconds: of training. seen: images, of all processes.
        batches: taken, also for steps that were left out. epoch_batches: of an epoch, when the run
            began; 0 where nobody knows. epoch_begun: the last epoch that the task was told of.
        skipped: steps left out. in_a_row: since the last one that was not.
        best: the smallest validation error.
        saved, validated: where the run stood then.
    """

    step: int = 0
    seconds: float = 0.0
    seen: int = 0
    batches: int = 0
    epoch_batches: int = 0
    epoch_begun: int = -1
    skipped: int = 0
    in_a_row: int = 0
    best: float = float("inf")
    saved: Position = _START
    validated: Position = _START

    @property
    def position(self) -> Position:
        """Where the run stands."""
        return Position(self.step, self.batches / max(self.epoch_batches, 1), self.seconds)

    def figures(self) -> dict[str, Any]:
        """For logs."""
        epochs = {"epoch": round(self.position.epoch, 4)} if self.epoch_batches else {}
        return {
            "step": self.step,
            "seen": self.seen,
            **epochs,
            "minutes": round(self.seconds / 60, 4),
            "images_per_second": round(self.seen / max(self.seconds, 1e-9), 1),
        }

    def state_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Counters:
        """Of a `state_dict`; what an older one does not say stands at its beginning."""
        own = {field.name: state[field.name] for field in fields(cls) if field.name in state}
        moments = [name for name in ("saved", "validated") if name in own]
        own |= {name: Position(**own[name]) for name in moments}
        return cls(**own)


@dataclass(frozen=True)
class RunParts:
    """Whatever changes while a run goes on, beside its counters.

    Attributes:
        task, average, optimizer, schedule, precision: see there.
        device: of this process.
    """

    task: Task
    average: AveragedNetwork
    optimizer: Optimizer
    schedule: Schedule
    precision: Precision
    device: torch.device

    def state_dict(self) -> dict[str, Any]:
        """What is alike in every process."""
        return {
            "network": self.task.network.state_dict(),
            "average": self.average.network.state_dict() if self.average.decay else None,
            "optimizer": self.optimizer.state_dict(),
            "optimizer_names": optimizer_names(self.task.network),
            "schedule": self.schedule.state_dict(),
            "precision": self.precision.state_dict(),
        }

    def own_state(self, source: dict[str, Any]) -> dict[str, Any]:
        """What is this process's own; `source` is the position of its source."""
        random = random_state(self.device)
        return {"source": source, "task": _on_cpu(gathered_state(self.task)), "random": random}

    def load(self, state: dict[str, Any], own: dict[str, Any], folder: Path) -> None:
        """Put both back: tensors by name, and what an older run did not know as it is at first.

        Args:
            state, own: as they were given.
            folder: whose checkpoints they are, for messages.

        Raises:
            InputError: they are another network's or optimiser's.
        """
        average = state["average"] or state["network"]
        network, optimizer = self.task.network, self.optimizer
        names = state.get("optimizer_names") or names_of_old(network, state["network"])
        try:
            fill_network(network, state["network"], folder)
            fill_network(self.average.network, average, folder, quiet=True)
            fill_optimizer(network, optimizer, state["optimizer"], names, folder)
        except (RuntimeError, ValueError) as error:
            raise refused(folder, " ".join(str(error).split())[:200]) from error
        if state.get("schedule") is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.precision.load_state_dict(state.get("precision") or {})
        self.task.source.load_state_dict(own["source"])
        restore_state(self.task, own.get("task"))
        if own.get("random") is not None:
            set_random_state(own["random"], self.device)


def _on_cpu(value: Any) -> Any:  # noqa: ANN401
    """Tensors of nested containers on the CPU: another process has no use for this one's GPU."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {name: _on_cpu(item) for name, item in value.items()}
    return [_on_cpu(item) for item in value] if isinstance(value, list) else value
