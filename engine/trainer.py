"""The training loop."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import Selfie3dError
from ..core.progress import progress
from .average import AveragedNetwork
from .checkpoint import checkpoints, load_checkpoint, save_checkpoint
from .config import EngineConfig, OptimizerConfig
from .prefetch import Prefetcher
from .run_log import RunLog
from .runtime import make_runtime
from .schedule import progress_of, rate_factor
from .task import Task

_BAR = 1000  # steps of the progress bar: the run in thousandths


class NonFiniteLossError(Selfie3dError):
    """A loss term became NaN or infinite."""


class Trainer:
    """Trains a task, writing checkpoints, weights and a log; goes on where a killed run stood.

    Seconds of training count steps alone, not validation.

    Args:
        task: what is trained.
        config: see `EngineConfig`.
        output: folder of checkpoints/, log.jsonl and the exported files; made if missing.
        facts: what the run was told, stored in every checkpoint and export.
    """

    def __init__(
        self, task: Task, config: EngineConfig, output: Path, facts: dict[str, Any]
    ) -> None:
        self.task, self.config, self.output, self.facts = task, config, output, facts
        if config.threads:
            torch.set_num_threads(config.threads)
        self._runtime = make_runtime(config.device, config.precision)
        self._average = AveragedNetwork(task.network, config.optimizer.average)
        self._average.network.to(self._runtime.device)
        optimizer = make_optimizer(task.network, config.optimizer)
        self._network, self._optimizer = self._runtime.prepare(task.network, optimizer)
        self.step, self.seconds, self.seen = 0, 0.0, 0
        self._best = float("inf")
        self._saved = self._validated = 0.0
        self._log = RunLog(output, config.tensorboard and self._runtime.is_main)

    def run(self) -> dict[str, float]:
        """Train to the end of the schedule; the last validation's figures."""
        self._resume()
        batches = Prefetcher(self.task.source, self.config.prefetch)
        try:
            self._loop(batches)
        finally:
            batches.close()
        figures = self._validate()
        self._save(batches)
        self._log.close()
        return figures

    @property
    def progress(self) -> float:
        """How much of the run is done, in [0,1]."""
        return progress_of(self.config.schedule, self.step, self.seconds)

    def _loop(self, batches: Prefetcher) -> None:
        shown = int(_BAR * self.progress)
        with progress(f"Training {self.output.name}", _BAR) as advance:
            advance(shown)
            while self.progress < 1:
                with self._timed():
                    self._train_step(next(batches))
                now = int(_BAR * self.progress)
                advance(now - shown)
                shown = now
                if self.seconds - self._validated >= self.config.validate_every:
                    self._validate()
                if self.seconds - self._saved >= self.config.save_every:
                    self._save(batches)

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start

    def _train_step(self, batch: Any) -> None:  # noqa: ANN401
        batch = batch.to(self._runtime.device)
        rate = self.config.optimizer.rate
        rate *= rate_factor(self.config.schedule, self.step, self.progress)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._network.train()
        with self._runtime.autocast():
            terms = dict(self.task.losses(self._network, batch))
        total: Tensor = torch.stack(list(terms.values())).sum()
        self._require_finite(total, terms)
        self._optimizer.zero_grad(set_to_none=True)
        self._runtime.backward(total)
        if self.config.optimizer.clip:
            nn.utils.clip_grad_norm_(self._network.parameters(), self.config.optimizer.clip)
        self._optimizer.step()
        self.step += 1
        self.seen += len(batch)
        self._average.update(self.task.network, self.step)
        self._log.add({"loss": total.detach(), **{k: v.detach() for k, v in terms.items()}})
        if self.step % self.config.log_every == 0:
            self._log.flush(self._position() | {"rate": rate})

    def _require_finite(self, total: Tensor, terms: dict[str, Tensor]) -> None:
        if not bool(torch.isfinite(total)):
            bad = [name for name, value in terms.items() if not bool(torch.isfinite(value))]
            raise NonFiniteLossError(f"step {self.step}: not finite: {', '.join(bad) or 'the sum'}")

    def _position(self) -> dict[str, float]:
        speed = self.seen / max(self.seconds, 1e-9)
        return {
            "step": self.step,
            "seen": self.seen,
            "minutes": round(self.seconds / 60, 3),
            "images_per_second": round(speed, 1),
        }

    def _validate(self) -> dict[str, float]:
        self._validated = self.seconds
        if not self._runtime.is_main:
            return {}
        figures = dict(self.task.validate(self._average.network))
        self._log.write("validation", self._position() | figures)
        text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        where = f"{self.seconds / 60:.1f} min, {self.seen} images"
        print(f"{self.output.name}: {where}: {text}", file=sys.stderr, flush=True)
        if figures.get("error", float("inf")) < self._best:
            self._best = figures["error"]
            self._export("best", figures)
        return figures

    def _export(self, name: str, figures: dict[str, float]) -> None:
        facts = self.facts | {"trained": self._position(), "validation": figures}
        for suffix, content in self.task.export(self._average.network, facts).items():
            path = self.output / f"{name}{suffix}"
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(content)
            os.replace(partial, path)

    def _save(self, batches: Prefetcher) -> None:
        self._saved = self.seconds
        if self._runtime.is_main:
            state = {
                "step": self.step,
                "seconds": self.seconds,
                "seen": self.seen,
                "best": self._best,
                "saved": self._saved,
                "validated": self._validated,
                "network": self.task.network.state_dict(),
                "average": self._average.network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "source": batches.state_dict(),
                "random": torch.get_rng_state(),
            }
            save_checkpoint(self.output / "checkpoints", self.step, state, self.config.keep)
            self._export("last", {})
        self._runtime.barrier()

    def _resume(self) -> None:
        found = checkpoints(self.output / "checkpoints")
        if not found:
            return
        state = load_checkpoint(found[-1])
        self.step, self.seconds, self.seen = state["step"], state["seconds"], state["seen"]
        self._best, self._saved = state["best"], state["saved"]
        self._validated = state["validated"]
        self.task.network.load_state_dict(state["network"])
        self._average.network.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.task.source.load_state_dict(state["source"])
        torch.set_rng_state(state["random"])
        print(f"Going on from {found[-1]}", file=sys.stderr, flush=True)


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """AdamW; weight decay on tensors of two or more dimensions only."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    first, second = config.betas
    return torch.optim.AdamW(groups, lr=config.rate, betas=(first, second))
