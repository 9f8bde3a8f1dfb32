"""The log of a run: lines of JSON, and TensorBoard where it is wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.errors import MissingFileError
from ..core.whole_file import prepare_folder, unwritable, write_text


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

    def write(self, kind: str, figures: Mapping[str, Any]) -> None:
        """One line; `figures` must hold `step`. Numbers also go to TensorBoard."""
        rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in figures.items()}
        try:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **rounded}) + "\n")
        except OSError as error:
            raise unwritable(self._file, error) from error
        if self._board is not None:
            numbers = {k: v for k, v in figures.items() if isinstance(v, int | float)}
            for name, value in numbers.items():
                self._board.add_scalar(f"{kind}/{name}", value, int(figures["step"]))

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
