"""The log of a run: lines of JSON, and TensorBoard where it is wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.errors import MissingFileError


class RunLog:
    """Collects terms step by step and writes their means.

    Args:
        folder: where `log.jsonl` and tensorboard/ go; made if missing.
        tensorboard: also write TensorBoard files.

    Raises:
        MissingFileError: TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "log.jsonl"
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._board = _open_board(folder / "tensorboard") if tensorboard else None

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Terms of one step; nothing is copied from the device yet."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._count += 1

    def flush(self, position: Mapping[str, float]) -> None:
        """Write the means since the last time."""
        means = {name: float(value) / self._count for name, value in self._sums.items()}
        self.write("training", {**position, **means})
        self._sums, self._count = {}, 0

    def write(self, kind: str, figures: Mapping[str, float]) -> None:
        """One line; `figures` must hold `step`."""
        rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in figures.items()}
        with open(self._file, "a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **rounded}) + "\n")
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{kind}/{name}", value, int(figures["step"]))

    def close(self) -> None:
        """Write what is left."""
        if self._board is not None:
            self._board.close()


def _open_board(folder: Path) -> Any:  # noqa: ANN401
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        remedy = "pip install selfie3d[log], or engine.tensorboard=false."
        raise MissingFileError("the Python path", "tensorboard", remedy) from error
    return SummaryWriter(str(folder))
