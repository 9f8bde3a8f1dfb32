"""Checkpoints and exported weights of a run, written by its first process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..core.whole_file import write_bytes
from .checkpoint import checkpoints, keep_as, load_checkpoint, save_checkpoint
from .runtime import Runtime
from .task import Task

BEST = "best.pt"


class Saver:
    """Writes and finds what a run leaves.

    Args:
        task: whose export is written.
        output: the run's folder.
        facts: what the run was told, part of every export.
        keep: number of latest checkpoints kept.
        runtime: the processes.
    """

    def __init__(
        self, task: Task, output: Path, facts: Mapping[str, Any], keep: int, runtime: Runtime
    ) -> None:
        self._task, self._output, self._facts = task, output, dict(facts)
        self._folder, self._keep, self._runtime = output / "checkpoints", keep, runtime

    def save(self, state: dict[str, Any], own: dict[str, Any], best: bool) -> None:
        """Write a checkpoint.

        Args:
            state: alike in every process, with "step".
            own: of this process; every process calls this.
            best: let it stay as `best.pt`.
        """
        parts = self._runtime.gather(own)
        if self._runtime.rank == 0:
            path = save_checkpoint(
                self._folder, state["step"], {**state, "ranks": parts}, self._keep
            )
            if best:
                keep_as(path, BEST)
        self._runtime.barrier()

    def latest(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """State and own part of the latest checkpoint, as given to `save`; None without one.

        The own part of a process that was not there before is the first one's without "random": a
        source stands at the same place in every process.
        """
        found = checkpoints(self._folder)
        path = self._runtime.gather(str(found[-1]) if found else "")[0]
        if not path:
            return None
        state = _upgraded(load_checkpoint(Path(path)))
        if self._runtime.rank == 0:
            print(f"Going on from {path}", file=sys.stderr, flush=True)
        parts, rank = state["ranks"], self._runtime.rank
        return state, parts[rank] if rank < len(parts) else {**parts[0], "random": None}

    def best(self) -> dict[str, Any] | None:
        """State of the best checkpoint; None without one."""
        path = self._folder / BEST
        return _upgraded(load_checkpoint(path)) if path.is_file() else None

    def export(
        self, name: str, network: nn.Module, trained: dict[str, Any], figures: Mapping[str, float]
    ) -> None:
        """Write the task's files as NAME plus their suffixes, each whole or not there."""
        if self._runtime.rank:
            return
        facts = self._facts | {"trained": trained, "validation": dict(figures)}
        for suffix, content in self._task.export(network, facts).items():
            write_bytes(self._output / f"{name}{suffix}", content)


def _upgraded(state: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint of version 0.1.0 in today's form; others as they are."""
    if "ranks" in state:
        return state
    moments = {
        name: {"step": 0, "epoch": 0.0, "seconds": state[name]} for name in ("saved", "validated")
    }
    none: dict[str, Any] = {"epoch_batches": 0, "epoch_begun": -1, "skipped": 0, "in_a_row": 0}
    none |= {"rejects": {}, "schedule": None, "precision": {}}
    own = {"source": state["source"], "task": None, "random": None}
    return {**state, **none, **moments, "batches": state["step"], "ranks": [own]}
