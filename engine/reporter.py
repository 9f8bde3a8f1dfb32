"""What a run tells: the log, TensorBoard, pictures, and lines for whoever is watching.

The log is a file of lines of JSON; pictures are PNG files beside it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError, MissingFileError
from ..core.image_file import write_image
from ..core.whole_file import prepare_folder, unwritable, write_text
from .nonfinite import Trouble
from .runtime import Runtime
from .summary import Rejects, Summary
from .task import Task

_GAP = 2  # pixels between the pictures of a sheet


def contact_sheet(pictures: Tensor) -> Tensor:
    """One picture (3,H,W) of a picture (3,H,W), or of N side by side and below each other.

    Args:
        pictures: (3,H,W) or (N,3,H,W) in [0,1]; other values are clamped, NaN is black.

    Raises:
        InputError: another shape.
    """
    if pictures.ndim not in (3, 4) or pictures.shape[-3] != 3 or not len(pictures):
        raise InputError("pictures", "(3,H,W) or (N,3,H,W)", f"{tuple(pictures.shape)}")
    images = torch.nan_to_num(pictures.detach().float().cpu()).clamp(0, 1)
    if images.ndim == 3:
        return images
    count, _, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    down, right = height + _GAP, width + _GAP
    sheet = torch.ones(3, rows * down - _GAP, columns * right - _GAP)
    for k, image in enumerate(images):
        top, left = k // columns * down, k % columns * right
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def write_picture(folder: Path, name: str, step: int, sheet: Tensor) -> Path:
    """Write (3,H,W) in [0,1] as `NAME_STEP.png`; the folder is made if missing."""
    prepare_folder(folder)
    path = folder / f"{name}_{step:08d}.png"
    write_image(path, (sheet * 255).round().byte().permute(1, 2, 0).numpy())
    return path


class TermMeans:
    """Means of terms over steps; nothing is copied from the device before they are asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Terms of one step, scalars."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._count += 1

    def take(self) -> tuple[list[str], Tensor | None]:
        """Names and means (N,) since the last time; None before the first step."""
        names, count = list(self._sums), self._count
        if not names:
            return names, None
        means = torch.stack([value.double() for value in self._sums.values()]) / count
        self._sums, self._count = {}, 0
        return names, means


class RunLog:
    """Writes what happens.

    Args:
        folder: where `log.jsonl` and tensorboard/ go; made if missing.
        tensorboard: also write TensorBoard files.

    Raises:
        MissingFileError: TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        prepare_folder(folder)
        self._file = folder / "log.jsonl"
        self._folder, self._tensorboard = folder / "tensorboard", tensorboard
        if tensorboard and find_spec("tensorboard") is None:
            remedy = "pip install selfie3d[log], or engine.tensorboard=false."
            raise MissingFileError("the Python path", "tensorboard", remedy)
        self._board: Any = None

    def begin(self, step: int, configuration: Mapping[str, Any]) -> None:
        """Start after `step` steps: what a killed run wrote of later ones is taken away.

        Args:
            step: of the checkpoint the run goes on from; 0 at its beginning.
            configuration: plain values, shown as text.
        """
        if self._file.is_file():
            text = self._file.read_text("utf-8", "replace")  # a damaged line is none
            kept = [line for line in text.splitlines() if _is_of(line, step)]
            write_text(self._file, "".join(f"{line}\n" for line in kept))
        if self._tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self._folder), purge_step=step + 1)
            text = json.dumps(configuration, indent=2).replace("\n", "\n    ")
            self._board.add_text("configuration", f"    {text}", step)

    def write(self, kind: str, values: Mapping[str, Any]) -> None:
        """One line; `values` must hold `step`. Numbers also go to TensorBoard."""
        rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in values.items()}
        try:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **rounded}) + "\n")
        except OSError as error:
            raise unwritable(self._file, error) from error
        if self._board is not None:
            numbers = {k: v for k, v in values.items() if isinstance(v, int | float)}
            for name, value in numbers.items():
                self._board.add_scalar(f"{kind}/{name}", value, int(values["step"]))

    def show(self, name: str, sheet: Tensor, step: int) -> None:
        """A picture (3,H,W) in [0,1], on TensorBoard only."""
        if self._board is not None:
            self._board.add_image(name, sheet, step)

    def close(self) -> None:
        """Write what is left."""
        if self._board is not None:
            self._board.close()


def _is_of(line: str, step: int) -> bool:
    """Whether a line is whole and tells of no later step."""
    try:
        return int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return False


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
            at: where the run stands, with "step".
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
        """The task's metrics and pictures; in other processes than the first an empty dict."""
        if not self._main:
            return {}
        metrics = dict(self._task.validate(network))
        self._write("validation", {**at, **metrics})
        text = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.say(f"{at['minutes']:.1f} min, {at['seen']} images: {text}")
        self._show(self._task.pictures(network), at["step"])
        return metrics

    def test(self, metrics: Mapping[str, float], at: Mapping[str, Any]) -> None:
        """Write what test sets say at the end."""
        self._write("test", {**at, **metrics})
        text = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.say(f"test sets, by the best weights: {text}")

    def agree(self, error: float | None) -> float | None:
        """The first process's error, in every process."""
        flag_and_error = [float(error is not None), error or 0.0] if self._main else [0.0, 0.0]
        values = torch.tensor(flag_and_error, dtype=torch.float64, device=self._runtime.device)
        there, value = self._runtime.sum(values).tolist()
        return value if there else None

    def finish(self, at: Mapping[str, Any], summary: Summary) -> None:
        """Write the summary."""
        self._collect(at)
        if self._log is not None:
            summary.write(self._output / "summary.json")
            made = ", ".join(sorted(file.name for file in self._output.glob("*.safetensors")))
            where = f"results: {self._output}" + (f" (weights: {made})" if made else "")
            self.say("\n".join([*summary.lines(), where]))
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

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        if self._log is not None:
            self._log.write(kind, values)

    def say(self, text: str) -> None:
        """A line for whoever is watching, from the first process."""
        if self._main:
            print(f"{self._output.name}: {text}", file=sys.stderr, flush=True)
