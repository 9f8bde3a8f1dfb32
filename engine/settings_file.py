"""What a run was told, noted beside its checkpoints and compared when it goes on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputError, Selfie3dError
from ..core.text_files import read_json
from ..core.whole_file import write_json
from .checkpoint import checkpoints

FILE = "configuration.json"
_FREE = (
    "output",
    "engine.log_every",
    "engine.save_every",
    "engine.keep",
    "engine.tensorboard",
    "engine.prefetch",
    "engine.nonfinite_limit",
    "data.readers",
)
"""Settings that change nothing of what is learnt."""
_WHOLE = ("options", "weights")  # mappings whose keys are no settings of a version
_LENGTH = ("steps", "epochs", "minutes")
_MOMENTS = ("engine.validate_every", "engine.validate_unit")


@dataclass(frozen=True)
class Change:
    """A setting that changed while a run was not running.

    Attributes:
        step: optimiser steps that were made before it changed.
        key: dotted name of the setting.
        before, now: its values; None where it had none.
    """

    step: int
    key: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.key} {_short(self.now)} instead of {_short(self.before)}"


def note_settings(
    output: Path, configuration: Mapping[str, Any], accept: bool = False
) -> list[dict[str, Any]]:
    """Compare a configuration with that of the run in a folder, then note it there.

    Args:
        output: folder of the run; it is made if it is missing.
        configuration: what the run is told now, as plain values.
        accept: let the run go on with other settings than it began with.

    Returns:
        Every change since the run began, as plain values, the oldest first.

    Raises:
        InputError: a setting on which the result depends has changed and that is not accepted, or
            fewer steps are asked for than were made already.
    """
    known = checkpoints(output / "checkpoints")
    step = int(known[-1].stem.split("_")[1]) if known else 0
    earlier = _read(output / FILE) if known else {}
    before = earlier.get("configuration")
    changes = list(earlier.get("changes", []))
    if known and before is None:
        _say(output, f"{FILE} is missing or damaged: whether settings changed is not known")
    if before is not None:
        new = _changes(step, before, configuration)
        _check(output, new, before, configuration, step, accept)
        for change in new:
            _say(output, f"goes on with {change}")
        changes += [vars(change) for change in new]
    if int(os.environ.get("RANK", "0")) == 0:  # of several processes the first one writes
        content = {"configuration": dict(configuration), "changes": changes}
        write_json(output / FILE, _without_infinity(content))
    return changes


def _check(
    output: Path,
    changes: list[Change],
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    step: int,
    accept: bool,
) -> None:
    wanted = _schedule(now).get("steps") or step
    if wanted < step:
        remedy = "Ask for more, or choose another output folder."
        raise InputError(
            "engine.schedule.steps", f"at least {step}, which are made", f"{wanted}", remedy
        )
    free = {*_FREE, *_exact(before, now)}
    both = _flat(before).keys() & _flat(now).keys()  # others came or went with a version of ours
    serious = [change for change in changes if change.key not in free and change.key in both]
    if serious and not accept:
        raise InputError(
            f"settings of {output}",
            "those that the run in it began with",
            "; ".join(map(str, serious)),
            "Give the same, choose another output folder, or accept a result that depends on when "
            "they changed: --accept-changes.",
        )


def _exact(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Further settings that change nothing of what is learnt, for these two configurations."""
    shapes = {_schedule(before).get("shape"), _schedule(now).get("shape")}
    keys = [] if "plateau" in shapes else list(_MOMENTS)
    if shapes <= {"constant", "step", "exponential", "plateau"}:  # rates do not know the length
        units = [[bool(_schedule(c).get(name)) for name in _LENGTH[:2]] for c in (before, now)]
        keys += [f"engine.schedule.{name}" for name in _LENGTH] if units[0] == units[1] else []
    return keys


def _schedule(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    engine = configuration.get("engine")
    schedule = engine.get("schedule") if isinstance(engine, Mapping) else None
    return schedule if isinstance(schedule, Mapping) else {}


def _changes(step: int, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    old, new = _flat(_without_infinity(before)), _flat(_without_infinity(now))
    keys = [*new, *(key for key in old if key not in new)]
    return [
        Change(step, key, old.get(key), new.get(key))
        for key in keys
        if old.get(key) != new.get(key)
    ]


def _flat(value: Any, name: str = "") -> dict[str, Any]:  # noqa: ANN401
    """Values by dotted name; lists and mappings of any keys are values."""
    if not isinstance(value, Mapping) or name.rpartition(".")[2] in _WHOLE:
        return {name: value}
    parts = [_flat(item, f"{name}.{key}" if name else str(key)) for key, item in value.items()]
    return {key: item for part in parts for key, item in part.items()}


def _without_infinity(value: Any) -> Any:  # noqa: ANN401
    """The same with infinity as text, which JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _without_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinity(item) for item in value]
    return str(value) if value in (float("inf"), float("-inf")) else value


def _read(path: Path) -> dict[str, Any]:
    """The note; empty where there is none or a damaged one."""
    try:
        content = read_json(path, "the settings of a run")
    except Selfie3dError:
        return {}
    known = isinstance(content.get("configuration"), dict)
    return content if known and isinstance(content.get("changes"), list) else {}


def _short(value: Any) -> str:  # noqa: ANN401
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _say(output: Path, text: str) -> None:
    print(f"{output.name}: {text}", file=sys.stderr, flush=True)
