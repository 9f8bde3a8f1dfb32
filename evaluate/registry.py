"""The protocols by name."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from ..core.registry import Registry
from .report.report import Report


@dataclass(frozen=True)
class Request:
    """What a user asks a protocol for.

    >>> Request(Path("data/now"), Path("out"), weights="fit").predictions is None
    True

    Attributes:
        data: the data set's root.
        out: folder for everything written.
        weights: a shipped name, a path, or "fit" for the optimiser; None takes the shipped ones.
        predictions: a file of predictions to score; nothing is predicted then.
        overrides: `key=value` for the protocol's options.
    """

    data: Path
    out: Path
    weights: str | None = None
    predictions: Path | None = None
    overrides: Sequence[str] = ()


class Protocol(typing.Protocol):
    """Runs one protocol; may write predictions.npz into `request.out`, `run.py` writes the rest."""

    def __call__(self, request: Request) -> Report: ...  # noqa: D102


PROTOCOLS: Registry[Protocol] = Registry("protocol")
"""Name to a factory `(overrides: Sequence[str]) -> Protocol`."""

_MODULES = {
    "activation": "activation",
    "aflw2000": "aflw2000",
    "aflw": "aflw",
    "aflw-lfpa": "aflw_lfpa",
    "complexity": "complexity",
    "depth-normal": "depth_normal",
    "florence20": "florence20",
    "micc": "micc",
    "now": "now",
    "photometric": "photometric",
    "synthetic": "synthetic",
}
"""Name to the module of this package that has `make_protocol(overrides) -> Protocol`."""
WITHOUT_DATA = frozenset({"complexity"})
"""Protocols that need no data set."""


def _make(module: str, overrides: Sequence[str] = ()) -> Protocol:
    protocol: Protocol = import_module(f".protocols.{module}", __package__).make_protocol(overrides)
    return protocol


for _name, _module in _MODULES.items():
    PROTOCOLS.register(_name)(partial(_make, _module))
