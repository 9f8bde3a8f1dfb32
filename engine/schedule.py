"""Learning rates over a run."""

from __future__ import annotations

import math

from .config import ScheduleConfig


def progress_of(config: ScheduleConfig, step: int, seconds: float) -> float:
    """How much of the run is done, in [0,1], after `step` steps and `seconds` of training."""
    done = step / config.steps if config.steps else seconds / (60 * config.minutes)
    return min(done, 1.0)


def rate_factor(config: ScheduleConfig, step: int, progress: float) -> float:
    """What the learning rate is multiplied with at `step` (from 0) and `progress` in [0,1]."""
    warm = min(1.0, (step + 1) / max(config.warmup, 1))
    start = 0.0 if config.shape == "cosine" else 1 - config.decay
    fall = max(progress - start, 0.0) / max(1 - start, 1e-9)
    return warm * (config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * fall)))
