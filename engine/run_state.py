"""Every piece of state that a run needs to go on exactly, as plain values and tensors.

It goes back into networks and optimisers by the names of the tensors, so that a run also goes on
after the code has changed a little.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..core.errors import InputError
from .optimization import AveragedNetwork, Position, Schedule
from .precision import Precision
from .runtime import random_state, set_random_state
from .task import Task

_LEAST = 0.5  # of a network's tensors that a checkpoint must hold to be one of it
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_START = Position(0, 0.0, 0.0)


@dataclass
class Counters:
    """How far a run is; alike in every process.

    Attributes:
        step: optimiser steps done.
        seconds: of training.
        seen: images, of all processes.
        batches: taken, also for steps that were left out.
        epoch_batches: of an epoch, when the run
            began; 0 where nobody knows.
        epoch_begun: the last epoch that the task was told of.
        skipped: steps left out.
        in_a_row: since the last one that was not.
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

    def as_logged(self) -> dict[str, Any]:
        """How far the run is, as the log has it."""
        epochs = {"epoch": round(self.position.epoch, 4)} if self.epoch_batches else {}
        return {
            "step": self.step,
            "seen": self.seen,
            **epochs,
            "minutes": round(self.seconds / 60, 4),
            "images_per_second": round(self.seen / max(self.seconds, 1e-9), 1),
        }

    def state_dict(self) -> dict[str, Any]:
        """The counters as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Counters:
        """The counters of a `state_dict`; what an older one does not say is as at the beginning."""
        values = {field.name: state[field.name] for field in fields(cls) if field.name in state}
        moments = [name for name in ("saved", "validated") if name in values]
        values |= {name: Position(**values[name]) for name in moments}
        return cls(**values)


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
        """The state that is alike in every process."""
        return {
            "network": self.task.network.state_dict(),
            "average": self.average.network.state_dict() if self.average.decay else None,
            "optimizer": self.optimizer.state_dict(),
            "optimizer_names": optimizer_names(self.task.network),
            "schedule": self.schedule.state_dict(),
            "precision": self.precision.state_dict(),
        }

    def own_state(self, source: dict[str, Any]) -> dict[str, Any]:
        """The state of this process alone; `source` is the position of its source."""
        random = random_state(self.device)
        return {"source": source, "task": _on_cpu(self.task.state_dict()), "random": random}

    def load(self, state: dict[str, Any], part: dict[str, Any], folder: Path) -> None:
        """Put both back: tensors by name, and what an older run did not know as it is at first.

        Args:
            state: of all processes, as from `state_dict`.
            part: of this process, as from `own_state`.
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
            fill_optimizer(network, optimizer, state["optimizer"], names=names, folder=folder)
        except (RuntimeError, ValueError) as error:
            raise refused(folder, " ".join(str(error).split())[:200]) from error
        if state.get("schedule") is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.precision.load_state_dict(state.get("precision") or {})
        self.task.source.load_state_dict(part["source"])
        if part.get("task"):
            self.task.load_state_dict(part["task"])
        if part.get("random") is not None:
            set_random_state(part["random"], self.device)


def _on_cpu(value: Any) -> Any:  # noqa: ANN401
    """Tensors of nested containers on the CPU: another process has no use for this one's GPU."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {name: _on_cpu(item) for name, item in value.items()}
    return [_on_cpu(item) for item in value] if isinstance(value, list) else value


def fill_network(
    network: nn.Module, state: Mapping[str, Tensor], folder: Path, quiet: bool = False
) -> None:
    """Put tensors of the same name back; others stay as they are, and are told on stderr.

    So a run goes on with a head that it did not begin with, or without one that it had.

    Args:
        network: to be filled.
        state: of the network as it was.
        folder: whose checkpoints these are, for messages.
        quiet: say nothing of tensors that begin anew or are left out.

    Raises:
        InputError: a tensor has another shape, or most of the network's are missing.
    """
    current = network.state_dict()
    common = [name for name in current if name in state]
    wrong = [name for name in common if current[name].shape != state[name].shape]
    if wrong or len(common) < _LEAST * len(current):
        name = wrong[0] if wrong else ""
        got = (
            f"{name} {tuple(state[name].shape)} for {tuple(current[name].shape)}"
            if wrong
            else (f"{len(common)} of {len(current)} tensors")
        )
        raise refused(folder, got)
    if not quiet:
        _tell("begin anew", [name for name in current if name not in state])
        _tell("are left out", [name for name in state if name not in current])
    network.load_state_dict({**current, **{name: state[name] for name in common}})


def optimizer_names(network: nn.Module) -> list[str]:
    """Names of the trained parameters in the order in which `make_optimizer` takes them."""
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    matrices = [name for name, parameter in trained.items() if parameter.ndim > 1]
    return matrices + [name for name, parameter in trained.items() if parameter.ndim <= 1]


def fill_optimizer(
    network: nn.Module,
    optimizer: Optimizer,
    state: Mapping[str, Any],
    *,
    names: Sequence[str],
    folder: Path,
) -> None:
    """Put moments back to the parameters of the same names; others begin without.

    Args:
        network: whose parameters are optimised.
        optimizer: to be filled.
        state: an optimiser's state.
        names: of its parameters in order, as `optimizer_names`.
        folder: for messages.

    Raises:
        InputError: another kind of optimiser, or names that do not fit the state.
    """
    groups = state["param_groups"]
    if len(groups) != len(optimizer.param_groups) or len(names) != sum(
        len(group["params"]) for group in groups
    ):
        raise refused(folder, "an optimiser of other parameters")
    before = dict(zip(names, _indices(groups), strict=True))
    kept = {
        k: state["state"][before[name]]
        for k, name in enumerate(optimizer_names(network))
        if name in before and before[name] in state["state"]
    }
    fresh = optimizer.state_dict()["param_groups"]
    merged = [
        {**new, **old, "params": new["params"]} for new, old in zip(fresh, groups, strict=True)
    ]
    optimizer.load_state_dict({"state": kept, "param_groups": merged})


def names_of_old(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """The optimiser's order of checkpoints that do not tell it.

    The network's own where these are its tensors; else all parameters were trained, if any were.
    """
    if set(state) == set(network.state_dict()):
        return optimizer_names(network)
    names = [name for name in state if name.rpartition(".")[2] not in _STATISTICS]
    matrices = [name for name in names if state[name].ndim > 1]
    return matrices + [name for name in names if state[name].ndim <= 1]


def refused(folder: Path, got: str) -> InputError:
    """The error of checkpoints that belong to something else."""
    remedy = "Name another output folder, or delete this one."
    return InputError(str(folder), "checkpoints of this recipe", got, remedy)


def _indices(groups: Sequence[Mapping[str, Any]]) -> list[int]:
    return [index for group in groups for index in group["params"]]


def _tell(what: str, names: Sequence[str]) -> None:
    if names:
        print(f"{', '.join(names)} {what}", file=sys.stderr, flush=True)
