"""What a run amounts to: its speed, where the time went, what was left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..core.whole_file import write_text
from ..render.back_ends import choose
from .prefetch import Rejecting, Source

_LISTED = 10


def drawn_with(facts: Mapping[str, Any], device: torch.device) -> str:
    """The back end that a run's `rasterizer` stands for on its device; "" if it has none.

    Args:
        facts: what the run was told.
        device: of its network.
    """
    name = str(facts.get("configuration", {}).get("rasterizer", ""))
    return choose(device).name if name == "auto" else name


class Rejects:
    """Samples that a source could not use, each once.

    Args:
        source: tells of them if it is `Rejecting`.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.reasons: dict[str, str] = {}

    @property
    def offered(self) -> bool:
        """Whether the source tells."""
        return isinstance(self._source, Rejecting)

    def own(self) -> dict[str, str]:
        """What this process's source has rejected so far."""
        return dict(self._source.rejects()) if isinstance(self._source, Rejecting) else {}

    def merge(self, parts: list[dict[str, str]]) -> dict[str, str]:
        """Add what the processes have; the new ones."""
        together = {name: reason for part in parts for name, reason in part.items()}
        new = {name: why for name, why in together.items() if name not in self.reasons}
        self.reasons |= new
        return new


@dataclass(frozen=True)
class Summary:
    """A run up to its end.

    Attributes:
        steps: optimiser steps.
        images: seen by them.
        seconds: of training.
        skipped: steps that were not made because something was not finite.
        processes: that trained.
        shares: of the stages in a step's time, on the main process, since the last start.
        rejects: samples that could not be used, with the reason.
        validation: the metrics of the last one.
        rasterizer: that drew, "" where nothing is drawn.
    """

    steps: int
    images: int
    seconds: float
    skipped: int
    processes: int
    shares: Mapping[str, float]
    rejects: Mapping[str, str]
    validation: Mapping[str, float]
    rasterizer: str = ""

    @property
    def images_per_second(self) -> float:
        """Over the whole run."""
        return self.images / max(self.seconds, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "steps": self.steps,
            "images": self.images,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 1),
            "skipped": self.skipped,
            "processes": self.processes,
            "shares": {name: round(share, 4) for name, share in self.shares.items()},
            "rejected": len(self.rejects),
            "rejects": dict(self.rejects),
            "validation": dict(self.validation),
            **({"rasterizer": self.rasterizer} if self.rasterizer else {}),
        }

    def write(self, path: Path) -> None:
        """Write it as JSON; the file is whole or not there."""
        write_text(path, json.dumps(self.as_dict(), indent=2) + "\n")

    def lines(self) -> list[str]:
        """For people."""
        speed = f"{self.images_per_second:.4g} images/s"
        text = [f"{self.steps} steps, {self.images} images, {self.seconds:.0f} s, {speed}"]
        if self.rasterizer:
            text.append(f"rasterizer: {self.rasterizer}")
        if self.shares:
            parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.shares.items())
            text.append(f"time of a step: {parts}")
        if self.skipped:
            text.append(f"{self.skipped} steps left out: something was not finite")
        if self.rejects:
            text.append(f"{len(self.rejects)} samples could not be used:")
            text += [f"  {name}: {why}" for name, why in list(self.rejects.items())[:_LISTED]]
        if len(self.rejects) > _LISTED:
            text.append(f"  and {len(self.rejects) - _LISTED} more, see summary.json")
        return text
