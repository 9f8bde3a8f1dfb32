"""How long every row of an ablation trains: steps, minutes, or as its configuration says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.errors import InputError

AS_CONFIGURED = "configured"
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(steps?|minutes?|min|hours?|h)\s*")
_WARMUP_SHARE, _WARMUP_STEPS = 20, 20  # of a run by steps; of one by minutes


@dataclass(frozen=True)
class Budget:
    """The same for every row and seed.

    Attributes:
        steps: optimiser steps; 0: by minutes.
        minutes: of training, over all continuations; 0 with `steps` of 0: as configured.

    Example:
        >>> Budget(steps=400).settings[0]
        'engine.schedule.steps=400'
    """

    steps: int = 0
    minutes: float = 0.0

    def __str__(self) -> str:
        if self.steps:
            return f"{self.steps:,} steps"
        return f"{self.minutes:g} minutes" if self.minutes else "as configured"

    @property
    def limited(self) -> bool:
        """Whether it is another length than the configurations'."""
        return bool(self.steps or self.minutes)

    @property
    def settings(self) -> list[str]:
        """Of a training run: its length, a warm-up, and a cosine down to the end."""
        if not self.limited:
            return []
        warmup = self.steps // _WARMUP_SHARE if self.steps else _WARMUP_STEPS
        values = {
            "steps": self.steps, "epochs": 0, "warmup": warmup, "warmup_epochs": 0,
            "shape": "cosine",
        } | ({"minutes": self.minutes} if self.minutes else {})  # fmt: skip
        return [f"engine.schedule.{name}={value}" for name, value in values.items()]


def read_budget(text: str) -> Budget:
    """A budget from words: "2000 steps", "90 minutes", "2 hours" or "configured".

    >>> read_budget("2 hours")
    Budget(steps=0, minutes=120.0)

    Raises:
        InputError: other words, or nothing to spend.
    """
    if text.strip() == AS_CONFIGURED:
        return Budget()
    match = _PATTERN.fullmatch(text)
    number = float(match[1]) if match else 0.0
    if match and match[2].startswith("s") and number == int(number) and number:
        return Budget(steps=int(number))
    if match and not match[2].startswith("s") and number:
        return Budget(minutes=number * (60 if match[2].startswith("h") else 1))
    expected = f"a number of steps, minutes or hours above 0, or {AS_CONFIGURED!r}"
    raise InputError("budget", expected, repr(text), "For example: 2000steps, 90minutes, 2hours.")
