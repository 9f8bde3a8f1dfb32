"""The training loop."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.progress import progress_bar
from .checkpoint import Saver
from .config import EngineConfig, check_ranges
from .nonfinite import NonFiniteLossError, exact_norms
from .optimization import AveragedNetwork, Schedule, falls_due, make_optimizer
from .prefetch import Prefetcher, epoch_length, shard
from .reporter import Reporter
from .run_state import Counters, RunParts, fill_network
from .runtime import make_runtime, seed_everything
from .step_timer import StepTimer, Stopwatch
from .stepper import Outcome, Stepper
from .summary import Summary, drawn_with
from .task import Task

TEST = "test_"
"""Prefix of the metrics of test sets."""
_BAR = 1000  # the run in thousandths, where its steps are not known


class Trainer:
    """Trains a task, writing checkpoints, weights and a log; goes on where a killed run stood.

    Seconds of training count steps alone, not validation. Of several processes the first one
    validates and writes.

    Args:
        task: what is trained.
        config: see `EngineConfig`.
        output: folder of checkpoints/, pictures/, log.jsonl, summary.json and the exported files;
            it is made if it is missing. All processes must see it.
        facts: what the run was told; they are stored in every exported file.

    Raises:
        InputError: the source does not offer what the configuration needs, or the configuration
            has numbers that no run could mean.
    """

    def __init__(
        self, task: Task, config: EngineConfig, output: Path, facts: dict[str, Any]
    ) -> None:
        check_ranges(config, "engine")
        self.task, self.config, self.output, self._facts = task, config, output, facts
        if config.threads:
            torch.set_num_threads(config.threads)
        runtime = self._runtime = make_runtime(config.device)
        task.source = shard(task.source, runtime.rank, runtime.world)
        counted = config.schedule.counts_epochs or config.validate_unit == "epochs"
        self._count = Counters(epoch_batches=epoch_length(task.source, counted))
        self._timer, self._watch = StepTimer(runtime.device), Stopwatch()
        task.timer = self._timer
        self._schedule = Schedule(config.schedule)
        self._average = AveragedNetwork(task.network, config.optimizer.average)
        self._average.network.to(runtime.device)
        optimizer = make_optimizer(task.network, config.optimizer)
        self._stepper = Stepper(task, optimizer, runtime, config, output, self._timer)
        precision = self._stepper.precision
        self._parts = RunParts(
            task, self._average, optimizer, self._schedule, precision, runtime.device
        )
        self._reporter = Reporter(task, output, facts, config.tensorboard, runtime)
        self._saver = Saver(task, output, facts, config.keep, runtime)

    def run(self) -> dict[str, float]:
        """Train to the end of the schedule.

        Returns:
            In the first process, the metrics of the last validation by name, and those of the test
            sets, by the best weights, with "test_" before their names; in others an empty dict.

        Raises:
            NonFiniteLossError: a loss or gradient is NaN or infinite, and `EngineConfig.nonfinite`
                says that this stops the run.
        """
        self._resume()
        self._reporter.begin(self._count.step)
        if self._count.step and self._schedule.progress(self._count.position) >= 1:
            self._reporter.say(f"ended before, after {self._count.step} steps; none are left")
        batches = Prefetcher(self.task.source, self.config.prefetch)
        try:
            metrics = self._loop(batches)
        finally:
            batches.close()
        if metrics is None:
            metrics = self._validate(batches)
        self._save(batches)
        metrics = metrics | self._test()
        self._reporter.finish(self._count.as_logged(), self._summary(metrics))
        return metrics

    def _loop(self, batches: Prefetcher) -> dict[str, float] | None:
        """Every step; the metrics of a validation that fell after the last one."""
        metrics, speed = None, ""
        total, shown = self._planned()
        with progress_bar(f"Training {self.output.name}", total, shown) as advance:
            self._watch.lap()
            while self._schedule.progress(self._count.position) < 1:
                with self._timer.step():
                    speed = self._train_step(batches)
                _, now = self._planned()
                advance(now - shown, speed)
                shown = now
                with self._watch.paused():
                    metrics = self._keep_up(batches)
        return metrics

    def _planned(self) -> tuple[int, int]:
        """Steps of the run and those done; thousandths where the former are not known."""
        c, count = self.config.schedule, self._count
        if c.steps:
            return c.steps, count.step
        if c.epochs and not count.skipped:
            steps = math.ceil(c.epochs * count.epoch_batches / self.config.accumulate)
            return steps, min(count.step, steps)
        return _BAR, int(_BAR * self._schedule.progress(count.position))

    def _train_step(self, batches: Prefetcher) -> str:
        """One step; its speed as text."""
        count = self._count
        self._tell_epoch()
        rate = self.config.optimizer.rate * self._schedule.factor(count.position)
        done = self._stepper(batches.__next__, count.step, rate, self._watch.lap)
        count.seconds += done.seconds
        count.batches += self.config.accumulate
        if not done.changed:
            self._leave_out(done)
            return ""
        count.step, count.in_a_row = count.step + 1, 0
        images = done.images * self._runtime.world
        count.seen += images
        with self._timer("optimiser"):
            self._average.update(self.task.network, count.step)
        self._reporter.add(done.terms)
        if count.step % self.config.log_every == 0:
            self._reporter.flush(count.as_logged() | {"rate": rate})
        return f"{images / max(done.seconds, 1e-9):.4g} images/s"

    def _leave_out(self, done: Outcome) -> None:
        """A step that was not made."""
        if done.trouble is None:
            return
        count = self._count
        count.skipped, count.in_a_row = count.skipped + 1, count.in_a_row + 1
        text = self._reporter.trouble(count.as_logged(), done.trouble)
        if self.config.nonfinite == "stop":
            raise NonFiniteLossError(f"step {count.step}: {text}")
        if count.in_a_row >= self.config.nonfinite_limit:
            raise NonFiniteLossError(f"step {count.step}, {count.in_a_row} times in a row: {text}")

    def _tell_epoch(self) -> None:
        count = self._count
        epoch = count.batches // count.epoch_batches if count.epoch_batches else -1
        if epoch != count.epoch_begun:
            world = self._runtime.world
            self.task.begin_epoch(epoch, lambda values: self._runtime.sum(values) / world)
        count.epoch_begun = epoch

    def _keep_up(self, batches: Prefetcher) -> dict[str, float] | None:
        """Validate and save when it is time; the metrics of a validation."""
        c, at, metrics = self.config, self._count.position, None
        if falls_due(at, self._count.validated, c.validate_every, c.validate_unit):
            metrics = self._validate(batches)
        if falls_due(at, self._count.saved, c.save_every, "seconds"):
            self._save(batches)
        return metrics

    def _validate(self, batches: Prefetcher) -> dict[str, float]:
        count = self._count
        count.validated = count.position
        with self._judged() as network:
            metrics = self._reporter.validate(network, count.as_logged())
            error = self._reporter.agree(metrics.get("error"))
            better = error is not None and error < count.best
            if better and error is not None:
                count.best = error
                self._saver.export("best", network, count.as_logged(), metrics)
        self._schedule.observe(error)
        if better:
            self._save(batches, best=True)
        return metrics

    def _test(self) -> dict[str, float]:
        """Metrics of the test sets, which nothing was chosen by, in the first process.

        Of the best weights, or of the last ones where no validation has an error.
        """
        if self._runtime.rank or not self.task.tested:
            return {}
        best, network = self._saver.best(), self._average.network
        if best is not None:
            fill_network(network, best["average"] or best["network"], self.output, quiet=True)
        with exact_norms(network, self.task.settle_norms):
            named = self.task.test(network).items()
            metrics = {f"{TEST}{name}": float(value) for name, value in named}
        self._reporter.test(metrics, self._count.as_logged())
        return metrics

    def _judged(self) -> AbstractContextManager[nn.Module]:
        """The averaged network as it is validated and written, in the first process."""
        self._average.catch_up(self.task.network)
        settle = self.task.settle_norms if self._runtime.rank == 0 else None
        return exact_norms(self._average.network, settle)

    def _save(self, batches: Prefetcher, best: bool = False) -> None:
        self._count.saved = self._count.position
        self._average.catch_up(self.task.network)
        rejects = dict(self._reporter.rejects.reasons)
        state = {**self._count.state_dict(), **self._parts.state_dict(), "rejects": rejects}
        self._saver.save(state, self._parts.own_state(batches.state_dict()), best)
        with self._judged() as network:
            self._saver.export("last", network, self._count.as_logged(), {})

    def _resume(self) -> None:
        """Go on from the latest checkpoint, if there is one."""
        seed_everything(self.config.seed, self._runtime.rank)
        latest = self._saver.latest()
        if latest is None:
            return
        state, part = latest
        known, self._count = self._count.epoch_batches, Counters.of(state)
        self._count.epoch_batches = self._count.epoch_batches or known
        seed_everything(self.config.seed, self._runtime.rank, self._count.step)
        self._parts.load(state, part, self.output)
        self._reporter.rejects.reasons.update(state.get("rejects", {}))

    def _summary(self, metrics: dict[str, float]) -> Summary:
        count = self._count
        return Summary(
            count.step,
            count.seen,
            count.seconds,
            count.skipped,
            self._runtime.world,
            self._timer.shares(),
            self._reporter.rejects.reasons,
            metrics,
            drawn_with(self._facts, self._runtime.device),
        )
