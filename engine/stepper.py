"""One optimiser step: batches, terms, gradients, weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .config import EngineConfig
from .nonfinite import Snapshot, Trouble, bad_samples, bad_terms, save_bad_batch
from .precision import Precision
from .runtime import Runtime
from .step_timer import StepTimer
from .sync_norm import synchronise_norms
from .task import Task


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    Attributes:
        terms: means over its batches, and their sum as "loss".
        images: of this process.
        changed: whether the weights were changed.
        trouble: why not; None also where scaled gradients overflowed, which is no trouble.
        seconds: that the main process's clock went on.
    """

    terms: dict[str, Tensor]
    images: int
    changed: bool
    trouble: Trouble | None
    seconds: float


class Stepper:
    """Makes steps of one task.

    Args:
        task: its network is moved to the device, and wrapped for the processes.
        optimizer: of the network's parameters.
        runtime: device and processes.
        config: of the run.
        folder: where bad batches are saved.
        timer: of the stages.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        runtime: Runtime,
        config: EngineConfig,
        folder: Path,
        timer: StepTimer,
    ) -> None:
        self._task, self._optimizer, self._runtime = task, optimizer, runtime
        self._config, self._folder, self._timer = config, folder, timer
        self.precision = Precision(config.precision, runtime.device)
        if config.sync_batch_norm and runtime.world > 1:
            synchronise_norms(task.network, runtime.device)
        self._wrapped = runtime.wrap(task.network)
        self._network = self.precision.wrap(self._wrapped)
        self._snapshot = Snapshot(task)
        self._trained = [p for p in task.network.parameters() if p.requires_grad]

    def __call__(
        self, take: Callable[[], Any], step: int, rate: float, lap: Callable[[], float]
    ) -> Outcome:
        """Make a step, or find out why it cannot be made.

        Args:
            take: the next batch.
            step: optimiser steps done.
            rate: the learning rate.
            lap: seconds since it was called last.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._snapshot.take()
        self._network.train()
        self._optimizer.zero_grad(set_to_none=True)
        count = self._config.accumulate
        parts = [self._gradients(take, last=k == count - 1) for k in range(count)]
        with self._timer("optimiser"):
            limit = self._config.optimizer.clip
            norm = self.precision.clip(self._optimizer, self._trained, limit)
            poor, steep, seconds = self._agree([terms["loss"] for _, terms in parts], norm, lap())
            overflow = steep and not poor and self.precision.scales
            usable = not (poor or steep)
            (self.precision.step if usable else self.precision.skip)(self._optimizer)
        trouble = None if usable or overflow else self._explain(parts, step)
        names = parts[0][1]
        means = {n: torch.stack([terms[n] for _, terms in parts]).mean() for n in names}
        images = sum(len(batch) for batch, _ in parts)
        return Outcome(means, images, usable, trouble, seconds)

    def _gradients(self, take: Callable[[], Any], last: bool) -> tuple[Any, dict[str, Tensor]]:
        """A batch on the device and its terms; its share of the gradients is added."""
        with self._timer("data"):
            batch = take().to(self._runtime.device)
        alone = contextlib.nullcontext() if last else self._runtime.local(self._wrapped)
        with alone:
            with self._timer("forward"):
                terms = dict(self._task.losses(self._network, batch))
                total = torch.stack(list(terms.values())).sum()
            with self._timer("backward"):
                self.precision.backward(total / self._config.accumulate)
        return batch, {name: v.detach() for name, v in {"loss": total, **terms}.items()}

    def _agree(
        self, totals: list[Tensor], norm: Tensor, seconds: float
    ) -> tuple[bool, bool, float]:
        """Over all processes: is any loss not finite, is any gradient, and the main one's time."""
        poor = (~torch.isfinite(torch.stack(totals))).any()
        steep = ~torch.isfinite(norm)
        clock = seconds if self._runtime.rank == 0 else 0.0
        own = torch.stack([poor.double(), steep.double()]).to(self._runtime.device)
        values = torch.cat([own, own.new_tensor([clock])])
        any_poor, any_steep, passed = self._runtime.sum(values).tolist()
        return any_poor > 0, any_steep > 0, passed

    def _explain(self, parts: list[tuple[Any, dict[str, Tensor]]], step: int) -> Trouble:
        """Put back what the step has spoilt; name terms and samples, save the first bad batch."""
        self._snapshot.restore()
        self._optimizer.zero_grad(set_to_none=True)
        plain: nn.Module = self.precision.wrap(self._task.network)
        found = [(bad_terms(terms), batch) for batch, terms in parts]
        suspects = [(names, batch) for names, batch in found if names]
        names, batch = suspects[0] if suspects else (("gradient",), parts[0][0])
        samples: tuple[str, ...] = ()
        for other in [batch] if suspects else [batch for batch, _ in parts]:
            samples = bad_samples(self._task, plain, other)
            self._snapshot.restore()
            if samples:
                batch = other
                break
        traced = torch.tensor(float(bool(samples)), device=self._runtime.device)
        elsewhere = float(self._runtime.sum(traced)) > 0
        if elsewhere and not samples:
            return Trouble((), (), "")  # synchronised norms spread what is not finite
        facts = {"step": step, "terms": list(names), "samples": list(samples)}
        file = save_bad_batch(self._folder, step, self._runtime.rank, batch, facts)
        return Trouble(names, samples, file)
