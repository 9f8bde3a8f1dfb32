"""Commands whose options come in groups: parameters that are dataclasses of options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

RayAddress = Annotated[
    str,
    typer.Option(
        "--ray-address",
        metavar="local|auto|HOST:PORT",
        help="Let Ray do the work: on this machine, or on a cluster. Default: without Ray.",
    ),
]
"""The option of commands that work without Ray, too."""


def in_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer wants it, with a parameter for each field of its groups.

    A group is a dataclass whose fields are annotated as typer's parameters are; the fields stand
    in the place of the parameter that the group is, and their names must differ from all others.

    Args:
        command: some parameters of it are annotated with groups; its docstring is the help.
    """
    parameters = list(_flat(command))
    groups = {name: kind for name, kind in get_type_hints(command).items() if is_dataclass(kind)}

    @functools.wraps(command)
    def flat(**given: object) -> None:
        for name, group in groups.items():
            values = {field.name: given.pop(field.name) for field in fields(group)}
            given[name] = group(**values)  # type: ignore[operator]  # a class
        command(**given)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _flat(command: Callable[..., None]) -> Iterator[inspect.Parameter]:
    """Every parameter of a command, fields of groups in the place of their group."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(hints[name]):
            yield from _of_group(hints[name])
        else:
            yield _parameter(name, hints[name], parameter.default)


def _of_group(group: Any) -> Iterator[inspect.Parameter]:  # noqa: ANN401  (a dataclass)
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield _parameter(field.name, hints[field.name], default)


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY  # typer gives all by name
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
