"""Which numbers of a configuration make sense, for all recipes at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from ..core.errors import InputError

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
        config: a configuration or a part of one. name: of it, with dots.

    Raises:
        InputError: the first that is out of its range.
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
    """Every number of a configuration by dotted name; those of a list have the list's."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            inner = f"{name}.{field.name}" if name else field.name
            yield from _numbers(getattr(value, field.name), inner)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
