"""What can be prepared: photographs as they are, or with their faces turned."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InputError, UnknownNameError
from ..core.item_failure import FailureLog
from .options import PrepareOptions, TurnOptions
from .parts import Work
from .photographs import COLLECTIONS, Collection, open_collection
from .profiling_collection import KIND, open_turned
from .profiling_work import TurnWorkshop
from .work import Workshop

KINDS = (*COLLECTIONS, KIND)
"""What `selfie3d prepare` knows."""


def default_options(kind: str) -> PrepareOptions:
    """The options of a kind where none are given."""
    return TurnOptions() if kind == KIND else PrepareOptions()


def open_kind(kind: str, root: Path, options: PrepareOptions) -> Collection:
    """The photographs that are to be prepared.

    Args:
        kind: one of `KINDS`.
        root: folder of the data set, or of the shards to turn.
        options: `TurnOptions` for "turned".

    Raises:
        UnknownNameError: no such kind.
        MissingFileError, InputError: as the data set raises them; options of another kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("data set to prepare", kind, list(KINDS))
    if isinstance(options, TurnOptions) != (kind == KIND):
        expected = type(default_options(kind)).__name__
        raise InputError("options", f"{expected} for {kind}", type(options).__name__)
    if isinstance(options, TurnOptions):
        return open_turned(root, options)
    return open_collection(kind, root, options.held_out)


def workshop_for(
    collection: Collection,
    root: Path,
    options: PrepareOptions,
    fan: dict[str, Path],
    log: FailureLog | None = None,
) -> Work:
    """What prepares the photographs of a collection; tracebacks go into `log`."""
    if isinstance(options, TurnOptions):
        return TurnWorkshop(collection, root, options, log)
    return Workshop(collection, root, options, fan, log)
