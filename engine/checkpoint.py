"""Checkpoints: everything a killed run needs to go on as if nothing had happened.

Each is one file that is whole or not there. Of several processes the first one writes them, and
the weights files beside them (`Saver`).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import InputError
from ..core.whole_file import prepare_folder, write_bytes, write_whole
from ..models.torch_file import load_torch
from .runtime import Runtime
from .task import Task

_PATTERN = re.compile(r"step_(\d+)\.pt")
BEST = "best.pt"


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write `step_N.pt` atomically and delete all but the `keep` latest.

    Args:
        folder: made if missing.
        step: optimiser steps done.
        state: tensors, numbers, strings and containers of them only.
        keep: at least 1.
    """
    prepare_folder(folder)
    path = folder / f"step_{step:08d}.pt"
    save_whole(path, state)
    for old in checkpoints(folder)[: -max(keep, 1)]:
        old.unlink(missing_ok=True)
    return path


def save_whole(path: Path, state: dict[str, Any]) -> None:
    """Let `torch.save` write a file that is whole and on the disk, or not there.

    Raises:
        InputError: it cannot be written.
    """
    write_whole(path, lambda partial: _save(partial, state))


def _save(path: Path, state: dict[str, Any]) -> None:
    try:
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:  # torch's own word where a disk is full, or a signal came
        if isinstance(error.__context__, OSError | KeyboardInterrupt):
            raise error.__context__ from error
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error


def keep_as(path: Path, name: str) -> Path:
    """Let a checkpoint also lie beside itself as `name`, which outlives it; atomic."""
    target = path.with_name(name)
    write_whole(target, lambda partial: _link(path, partial))
    return target


def _link(path: Path, partial: Path) -> None:
    try:
        os.link(path, partial)
    except OSError:  # no hard links on this file system
        shutil.copyfile(path, partial)


def checkpoints(folder: Path) -> list[Path]:
    """Every finished checkpoint of a folder, oldest first."""
    files = [p for p in folder.glob("step_*.pt") if _PATTERN.fullmatch(p.name)]
    return sorted(files, key=lambda path: int(path.stem.split("_")[1]))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        InputError: the file is damaged, be it by a single byte, or no checkpoint.
    """
    state = load_torch(path, "a checkpoint", own=True)
    if not isinstance(state, dict) or "step" not in state:
        raise InputError(str(path), "a checkpoint", type(state).__name__)
    return state


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

    def save(self, state: dict[str, Any], part: dict[str, Any], best: bool) -> None:
        """Write a checkpoint.

        Args:
            state: alike in every process, with "step".
            part: state of this process alone; every process calls this.
            best: let it stay as `best.pt`.
        """
        parts = self._runtime.gather(part)
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
        files = checkpoints(self._folder)
        path = self._runtime.gather(str(files[-1]) if files else "")[0]
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
        self, name: str, network: nn.Module, trained: dict[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Write the task's files as NAME plus their suffixes, each whole or not there."""
        if self._runtime.rank:
            return
        facts = self._facts | {"trained": trained, "validation": dict(metrics)}
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
    part = {"source": state["source"], "task": None, "random": None}
    return {**state, **none, **moments, "batches": state["step"], "ranks": [part]}
