"""What a training run can be told, apart from the network, the data and the losses."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.errors import InputError

PRECISIONS = ("float32", "bfloat16")
SHAPES = ("cosine", "flat")


@dataclass(frozen=True)
class ScheduleConfig:
    """How long, and the learning rate on the way.

    Attributes:
        steps: optimiser steps of the whole run; 0 leaves it to `minutes`.
        minutes: time spent on steps, over all continuations; ignored where `steps` is above 0.
        warmup: steps of linear warm-up.
        shape: "cosine" falls all the way, "flat" stays and falls by a cosine in the last part, so
            that an earlier checkpoint can be trained for longer.
        decay: the last part of "flat", a share of the run.
        floor: share of the learning rate that is left at the end.
    """

    steps: int = 0
    minutes: float = 60.0
    warmup: int = 300
    shape: str = "cosine"
    decay: float = 0.5
    floor: float = 0.005

    def __post_init__(self) -> None:
        if self.steps < 0 or (self.steps == 0 and not self.minutes > 0):
            got = f"steps={self.steps}, minutes={self.minutes}"
            raise InputError("schedule", "steps or minutes above 0", got)
        if self.shape not in SHAPES:
            raise InputError("schedule.shape", " or ".join(SHAPES), repr(self.shape))


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov and Hutter 2019).

    Attributes:
        rate: largest learning rate.
        decay: weight decay of tensors with two or more dimensions; others have none.
        betas: of the two moments.
        clip: largest norm of the gradient; 0 leaves it.
        average: decay per step of the averaged weights, which are what is saved and validated.
    """

    rate: float = 2e-3
    decay: float = 0.02
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    clip: float = 1.0
    average: float = 0.999


@dataclass(frozen=True)
class EngineConfig:
    """The loop.

    Attributes:
        seed: of weights, order and augmentation.
        threads: CPU threads of the network; 0 leaves what is set.
        device: "auto", "cpu" or "cuda".
        precision: "bfloat16" runs convolutions so, or "float32".
        prefetch: batches made ahead in a thread; 0 makes each when it is needed.
        log_every: steps between lines in log.jsonl. validate_every, save_every: seconds of
            training between validations and between checkpoints.
        keep: number of latest checkpoints kept.
        tensorboard: write TensorBoard files, if it is installed.
        schedule, optimizer: see there.
    """

    seed: int = 0
    threads: int = 0
    device: str = "auto"
    precision: str = "bfloat16"
    prefetch: int = 1
    log_every: int = 50
    validate_every: float = 300.0
    save_every: float = 300.0
    keep: int = 3
    tensorboard: bool = False
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InputError("precision", " or ".join(PRECISIONS), repr(self.precision))
