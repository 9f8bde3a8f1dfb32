"""What a training run can be told, apart from the network, the data and the losses.

`check_ranges` says, for the configurations of all recipes at once, which numbers make sense.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..core.choices import check_choices
from ..core.errors import InputError

Precision = Literal["float32", "bfloat16", "float16"]
Shape = Literal["cosine", "flat", "constant", "step", "exponential", "plateau"]
OptimizerName = Literal["adamw", "adam", "sgd"]
Unit = Literal["seconds", "steps", "epochs"]
NonFinite = Literal["stop", "skip"]


@dataclass(frozen=True)
class ScheduleConfig:
    """How long, and the learning rate on the way.

    The run's unit is what its length is given in: `steps` if above 0, else `epochs` if above 0,
    else `minutes`. `every` and `milestones` count in this unit.

    Attributes:
        steps: optimiser steps of the whole run.
        epochs: passes over the data, as many batches as the source's length when the run began.
        minutes: time spent on steps, over all continuations.
        warmup: steps of linear warm-up.
        warmup_epochs: the same in epochs; above 0 it replaces `warmup`.
        warmup_start: share of the learning rate at the beginning of the warm-up.
        shape: "cosine" falls all the way; "flat" stays and falls by a cosine in the last part, so
            that an earlier checkpoint can be trained for longer; "constant" stays; "step" is
            multiplied with `factor` at every milestone, or `every` so often; "exponential" is
            multiplied with it `every` so often after the warm-up; "plateau" is multiplied with it
            after `patience` validations in a row that were no better than the best before (one
            more than torch's patience).
        decay: the last part of "flat", a share of the run.
        floor: share of the learning rate that "cosine" and "flat" end at.
        factor: in (0,1), of "step", "exponential" and "plateau".
        every: units between falls; 0 is one unit for "exponential".
        milestones: of "step", increasing.
        patience: of "plateau".

    Example:
        >>> ScheduleConfig(epochs=25, shape="exponential", factor=0.85).counts_epochs
        True
    """

    steps: int = 0
    epochs: float = 0.0
    minutes: float = 60.0
    warmup: int = 300
    warmup_epochs: float = 0.0
    warmup_start: float = 0.0
    shape: Shape = "cosine"
    decay: float = 0.5
    floor: float = 0.005
    factor: float = 0.1
    every: float = 0.0
    milestones: list[float] = field(default_factory=list)
    patience: int = 4

    def __post_init__(self) -> None:
        if min(self.steps, self.epochs) < 0 or not max(self.steps, self.epochs, self.minutes) > 0:
            got = f"steps={self.steps}, epochs={self.epochs}, minutes={self.minutes}"
            raise InputError("schedule", "steps, epochs or minutes above 0", got)
        check_choices(self, "schedule")
        if not 0 < self.factor < 1:
            raise InputError("schedule.factor", "a number in (0,1)", str(self.factor))
        if self.shape == "step" and bool(self.milestones) == (self.every > 0):
            got = f"milestones={self.milestones}, every={self.every}"
            raise InputError("schedule", "milestones or every, for shape step", got)
        if list(self.milestones) != sorted(self.milestones):
            raise InputError("schedule.milestones", "increasing numbers", str(self.milestones))
        if self.patience < 1:
            raise InputError("schedule.patience", "at least 1", str(self.patience))

    @property
    def counts_epochs(self) -> bool:
        """Whether the source's length has to be known."""
        return (self.epochs > 0 and not self.steps) or self.warmup_epochs > 0


@dataclass(frozen=True)
class OptimizerConfig:
    """How a step changes the weights.

    Attributes:
        name: "adamw" (Loshchilov and Hutter 2019), "adam" (Kingma and Ba 2015), or "sgd".
        rate: largest learning rate.
        decay: weight decay of tensors with two or more dimensions; others have none. Of "adam" and
            "sgd" it is added to the gradient. None: 0.02 for "adamw", 0 for the others.
        betas: of the two moments of "adamw" and "adam".
        momentum: of "sgd".
        nesterov: of "sgd" with momentum.
        clip: largest norm of the gradient; 0 leaves it.
        average: decay per step of the averaged weights, which are what is saved and validated; 0
            saves and validates the network's own.

    Example:
        >>> OptimizerConfig().weight_decay, OptimizerConfig("sgd").weight_decay
        (0.02, 0.0)
    """

    name: OptimizerName = "adamw"
    rate: float = 2e-3
    decay: float | None = None
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    momentum: float = 0.9
    nesterov: bool = False
    clip: float = 1.0
    average: float = 0.999

    def __post_init__(self) -> None:
        check_choices(self, "optimizer")
        if not 0 <= self.average < 1:
            raise InputError("optimizer.average", "a number in [0,1)", str(self.average))
        if len(self.betas) != 2:
            raise InputError("optimizer.betas", "two numbers", str(self.betas))
        if self.nesterov and not self.momentum > 0:
            raise InputError("optimizer.momentum", "above 0, for nesterov", str(self.momentum))

    @property
    def weight_decay(self) -> float:
        """`decay`, resolved."""
        if self.decay is None:
            return 0.02 if self.name == "adamw" else 0.0
        return self.decay


@dataclass(frozen=True)
class EngineConfig:
    """How the training loop runs.

    Attributes:
        seed: of weights, order and augmentation.
        threads: CPU threads of the network; 0 leaves what is set.
        device: "auto", "cpu" or "cuda".
        precision: "float32", or what the network (not the losses) runs in where that is safe:
            "bfloat16", or "float16" with scaled gradients.
        accumulate: batches of one optimiser step, whose gradients are averaged.
        sync_batch_norm: over several processes, batch normalisation sees the whole batch.
        prefetch: batches made ahead in a thread; 0 makes each when it is needed.
        nonfinite: what follows a loss or gradient that is NaN or infinite: "stop", or "skip" the
            step; the batch is saved either way.
        nonfinite_limit: so many skipped steps in a row stop the run.
        log_every: steps between lines in log.jsonl.
        validate_every: between validations, counted in `validate_unit`: "seconds" of training,
            "steps" or "epochs"; a "plateau" repeats exactly with the latter two only.
        save_every: seconds of training between checkpoints.
        keep: number of latest checkpoints kept, beside the best.
        tensorboard: write TensorBoard files, if it is installed.
        schedule, optimizer: see `ScheduleConfig` and `OptimizerConfig`.

    Example:
        >>> EngineConfig(validate_unit="weeks")
        Traceback (most recent call last):
        selfie3d.core.errors.InputError: engine.validate_unit: expected one of seconds, steps, ...
    """

    seed: int = 0
    threads: int = 0
    device: str = "auto"
    precision: Precision = "bfloat16"
    accumulate: int = 1
    sync_batch_norm: bool = False
    prefetch: int = 1
    nonfinite: NonFinite = "stop"
    nonfinite_limit: int = 10
    log_every: int = 50
    validate_every: float = 300.0
    validate_unit: Unit = "seconds"
    save_every: float = 300.0
    keep: int = 3
    tensorboard: bool = False
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        check_choices(self, "engine")
        for name in ("accumulate", "log_every", "keep", "nonfinite_limit"):
            if getattr(self, name) < 1:
                raise InputError(f"engine.{name}", "at least 1", str(getattr(self, name)))


_ANY = math.inf
# The end of a dotted name: least, largest, whether the least is left out, whether the largest is.
_RANGES: dict[str, tuple[float, float, bool, bool]] = {
    "data.batch": (1, 1_000_000, False, False),
    "data.validate": (1, _ANY, False, False),
    "data.readers": (1, 256, False, False),
    "vertices": (0, 1_000_000, False, False),
    "norms": (0, 1000, False, False),
    "data.epoch": (0, _ANY, False, True),
    "data.draw": (0, _ANY, False, True),
    "data.limit": (0, _ANY, False, True),
    "share": (0, _ANY, False, True),
    "seed": (0, 2**63, False, True),
    "threads": (0, 1024, False, False),
    "prefetch": (0, 1024, False, False),
    "validate_every": (0, _ANY, False, False),
    "save_every": (0, _ANY, False, False),
    "schedule.minutes": (0, _ANY, False, True),
    "schedule.epochs": (0, _ANY, False, True),
    "schedule.warmup": (0, _ANY, False, True),
    "schedule.warmup_epochs": (0, _ANY, False, True),
    "schedule.warmup_start": (0, 1, False, False),
    "schedule.decay": (0, 1, False, False),
    "schedule.floor": (0, 1, False, False),
    "schedule.every": (0, _ANY, False, True),
    "schedule.milestones": (0, _ANY, False, True),
    "optimizer.rate": (0, _ANY, True, True),
    "optimizer.decay": (0, _ANY, False, True),
    "optimizer.betas": (0, 1, False, True),
    "optimizer.momentum": (0, 1, False, True),
    "optimizer.clip": (0, _ANY, False, False),
}
_LOSS = (0.0, _ANY, False, True)  # weights of terms


def check_ranges(config: object, name: str = "") -> None:
    """Refuse numbers that no run could mean: a batch of 0, a negative rate, endless minutes.

    Args:
        config: a configuration, which is a dataclass, or a part of one.
        name: dotted name of that part; "" for a whole configuration.

    Raises:
        InputError: a number is out of its range; the first one is named.

    Example:
        >>> check_ranges(EngineConfig(), "engine")
        >>> check_ranges(OptimizerConfig(rate=-1.0), "engine.optimizer")
        Traceback (most recent call last):
        selfie3d.core.errors.InputError: engine.optimizer.rate: expected a finite number, above 0...
    """
    for key, value in _numbers(config, name):
        known = next((r for end, r in _RANGES.items() if _ends(key, end)), None)
        if known is None:
            known = _LOSS if key.startswith("loss.") else (-_ANY, _ANY, False, False)
        low, high, above, below = known
        fits = (low < value if above else low <= value) and (
            value < high if below else value <= high
        )
        if not fits:
            raise InputError(key, _said(low, high, above, below), f"{value:g}")


def _ends(key: str, end: str) -> bool:
    return key == end or key.endswith(f".{end}")


def _said(low: float, high: float, above: bool, below: bool) -> str:
    if high == _ANY:
        least = f"above {low:g}" if above else f"{low:g} or more"
        return f"a finite number, {least}" if below else f"a number, {least}"
    return f"a number in {'(' if above else '['}{low:g}, {high:g}{')' if below else ']'}"


def _numbers(value: object, name: str) -> Iterator[tuple[str, float]]:
    """Every number of a configuration by dotted name; numbers of a list have the list's name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            inner = f"{name}.{field.name}" if name else field.name
            yield from _numbers(getattr(value, field.name), inner)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
