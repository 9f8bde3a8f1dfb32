"""Where the time of a step goes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch

_EVERY_ON_DEVICE = 20  # steps between timed ones where timing has to wait for the device


class Timer(Protocol):
    """What measures how long the stages of a step take, or does not (`NO_TIMER`)."""

    def __call__(self, stage: str) -> AbstractContextManager[None]:
        """A context to put round a stage of that name."""
        ...


class StepTimer:
    """Sums the time of named stages of training steps; stages may lie within one another.

    A stage's time is its own, without that of stages within it. On a device that works
    asynchronously one step in twenty is timed, waiting for the device at every boundary.

    Args:
        device: what works.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._mark = 0.0
        self._steps = 0
        self._on = False

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Round a whole step; what no stage covers counts as "other"."""
        self._on = self._device.type == "cpu" or self._steps % _EVERY_ON_DEVICE == 0
        self._steps += 1
        with self("other"):
            yield
        self._on = False

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Round a stage."""
        if not self._on:
            yield
            return
        self._lap()
        self._open.append(stage)
        try:
            yield
        finally:
            self._lap()
            self._open.pop()

    def shares(self) -> dict[str, float]:
        """Share of each stage in the time of the timed steps, largest first; they sum to 1."""
        total = sum(self._seconds.values())
        order = sorted(self._seconds.items(), key=lambda item: -item[1])
        return {name: seconds / max(total, 1e-12) for name, seconds in order}

    def seconds(self) -> dict[str, float]:
        """Time of each stage over the timed steps."""
        return dict(self._seconds)

    def _lap(self) -> None:
        """Charge the time since the last boundary to the innermost open stage."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        if self._open:
            name = self._open[-1]
            self._seconds[name] = self._seconds.get(name, 0.0) + now - self._mark
        self._mark = now


class NoTimer:
    """Times nothing; what a task starts with."""

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Round a stage."""
        yield


NO_TIMER: Timer = NoTimer()


class Stopwatch:
    """Time of training, without what is done between steps."""

    def __init__(self) -> None:
        self._mark = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.perf_counter()
        passed, self._mark = now - self._mark, now
        return passed

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Round what does not count."""
        start = time.perf_counter()
        yield
        self._mark += time.perf_counter() - start
