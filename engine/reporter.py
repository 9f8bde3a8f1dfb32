"""What a run tells: the log, TensorBoard, pictures, and lines for whoever is watching."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .nonfinite import Trouble
from .picture_files import contact_sheet, write_picture
from .run_log import RunLog, TermMeans
from .runtime import Runtime
from .summary import Rejects, Summary
from .task import Task


class Reporter:
    """Speaks for all processes; only the first one writes. Every method is called by all of them.

    Args:
        task: what is trained.
        output: the run's folder.
        facts: what the run was told.
        tensorboard: also write TensorBoard files.
        runtime: the processes.

    Raises:
        MissingFileError: TensorBoard is wanted and not installed.
    """

    def __init__(
        self,
        task: Task,
        output: Path,
        facts: Mapping[str, Any],
        tensorboard: bool,
        runtime: Runtime,
    ) -> None:
        self._task, self._output, self._facts = task, output, facts
        self._runtime, self._main = runtime, runtime.rank == 0
        self._log = RunLog(output, tensorboard) if self._main else None
        self._means = TermMeans()
        self.rejects = Rejects(task.source)

    def begin(self, step: int) -> None:
        """Start, or go on, after `step` steps."""
        if self._log is not None:
            self._log.begin(step, self._facts)

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Terms of a step."""
        self._means.add(terms)

    def flush(self, at: Mapping[str, Any]) -> None:
        """Write the terms' means since the last time, over all processes, and new rejects.

        Args:
            at: figures of where the run stands, with "step".
        """
        names, means = self._means.take()
        if means is not None:
            values = (self._runtime.sum(means) / self._runtime.world).tolist()
            self._write("training", {**at, **dict(zip(names, values, strict=True))})
        self._collect(at)

    def trouble(self, at: Mapping[str, Any], trouble: Trouble) -> str:
        """Write why a step was left out; what all processes know of it, as one text."""
        told = dict.fromkeys(self._runtime.gather(str(trouble)))
        known = [text for text in told if text != str(Trouble((), (), ""))]
        text = "; ".join(known or told)
        self._write("nonfinite", {"step": at["step"], "what": text})
        self.say(f"step {at['step']}: {text}")
        return text

    def validate(self, network: nn.Module, at: Mapping[str, Any]) -> dict[str, float]:
        """The task's figures and pictures; in other processes than the first an empty dict."""
        if not self._main:
            return {}
        figures = dict(self._task.validate(network))
        self._write("validation", {**at, **figures})
        text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.say(f"{at['minutes']:.1f} min, {at['seen']} images: {text}")
        if hasattr(self._task, "pictures"):
            self._show(self._task.pictures(network), at["step"])
        return figures

    def test(self, figures: Mapping[str, float], at: Mapping[str, Any]) -> None:
        """Write what test sets say at the end."""
        self._write("test", {**at, **figures})
        text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.say(f"test sets, by the best weights: {text}")

    def agree(self, error: float | None) -> float | None:
        """The first process's error, in every process."""
        own = [float(error is not None), error or 0.0] if self._main else [0.0, 0.0]
        values = torch.tensor(own, dtype=torch.float64, device=self._runtime.device)
        there, value = self._runtime.sum(values).tolist()
        return value if there else None

    def finish(self, at: Mapping[str, Any], summary: Summary) -> None:
        """Write the summary."""
        self._collect(at)
        if self._log is not None:
            summary.write(self._output / "summary.json")
            self.say("\n".join(summary.lines()))
            self._log.close()

    def _collect(self, at: Mapping[str, Any]) -> None:
        if not self.rejects.offered:
            return
        for name, why in self.rejects.merge(self._runtime.gather(self.rejects.own())).items():
            self._write("reject", {"step": at["step"], "name": name, "why": why})

    def _show(self, pictures: Mapping[str, Tensor], step: int) -> None:
        for name, picture in pictures.items():
            sheet = contact_sheet(picture)
            write_picture(self._output / "pictures", name, step, sheet)
            if self._log is not None:
                self._log.show(name, sheet, step)

    def _write(self, kind: str, figures: Mapping[str, Any]) -> None:
        if self._log is not None:
            self._log.write(kind, figures)

    def say(self, text: str) -> None:
        """A line for whoever is watching, from the first process."""
        if self._main:
            print(f"{self._output.name}: {text}", file=sys.stderr, flush=True)
