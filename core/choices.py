"""Words that are choices: `Literal` annotations, checked here and nowhere else."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import InputError


def choices_of(kind: object) -> tuple[Any, ...]:
    """What a `Literal` lists; nothing of any other annotation.

    >>> choices_of(Literal["l1", "l2"]), choices_of(int)
    (('l1', 'l2'), ())
    """
    return get_args(kind) if get_origin(kind) is Literal else ()


def check_choice(name: str, value: object, kind: object) -> None:
    """Refuse a value that a `Literal` does not list.

    >>> check_choice("loss.kind", "l3", Literal["l1", "l2"])
    Traceback (most recent call last):
    selfie3d.core.errors.InputError: loss.kind: expected one of l1, l2, got 'l3'. Did you mean ...

    Args:
        name: of the argument or setting, for the message.
        value: what came.
        kind: the `Literal`.

    Raises:
        InputError: `value` is none of the choices, which the message lists.
    """
    from difflib import get_close_matches

    known = choices_of(kind)
    if value not in known:
        nearest = get_close_matches(str(value), [str(choice) for choice in known], n=1, cutoff=0.5)
        hint = f"Did you mean {nearest[0]!r}?" if nearest else ""
        words = ", ".join(str(choice) or "''" for choice in known)
        raise InputError(name, f"one of {words}", repr(value), hint)


def check_choices(config: object, name: str = "") -> None:
    """Refuse values that the `Literal` fields of a dataclass do not list.

    >>> Loss = dataclasses.make_dataclass("Loss", [("kind", Literal["l1", "l2"])])
    >>> check_choices(Loss("l1"), "loss")

    Args:
        config: an instance of a dataclass; its other fields are not looked at.
        name: dotted name of that part of a configuration; "" for a whole one.

    Raises:
        InputError: a value is none of its field's choices; the first such field is named.
    """
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        if choices_of(hints[field.name]):
            dotted = f"{name}.{field.name}" if name else field.name
            check_choice(dotted, getattr(config, field.name), hints[field.name])
