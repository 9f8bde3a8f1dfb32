"""Who prepares the parts of a collection: this process, or several.

What can be prepared is photographs as they are, prepared ones with their faces turned, a choice
of prepared ones, or drawn faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from ..core.errors import InputError, UnknownNameError
from ..core.item_failure import FailureLog
from ..core.ray_pool import RayPool
from ..core.worker_pool import Died, WorkerPool
from .balance import BALANCED, CopyWorkshop, open_balanced
from .drawn import DRAWN, DrawnWorkshop, open_drawn
from .options import BalanceOptions, DrawnOptions, PrepareOptions, TurnOptions
from .parts import Note, Part, Parts, Work
from .photographs import COLLECTIONS, Collection, open_collection
from .profiling.collection import KIND, open_turned
from .profiling.work import TurnWorkshop
from .work import Workshop

T = TypeVar("T")
R = TypeVar("R")
_workshops: list[tuple[Work, Parts]] = []  # of a worker process

KINDS = (*COLLECTIONS, KIND, BALANCED, DRAWN)
"""What `selfie3d prepare` knows."""

_OPTIONS: dict[str, type[PrepareOptions]] = {
    KIND: TurnOptions,
    BALANCED: BalanceOptions,
    DRAWN: DrawnOptions,
}


def default_options(kind: str) -> PrepareOptions:
    """The options of a kind where none are given."""
    return _OPTIONS.get(kind, PrepareOptions)()


def open_kind(kind: str, root: Path, options: PrepareOptions) -> Collection:
    """The photographs that are to be prepared.

    Args:
        kind: one of `KINDS`.
        root: folder of the data set, of the shards to turn, or of folders of shards.
        options: `TurnOptions` for "turned", `BalanceOptions` for "balanced", `DrawnOptions` for
            "drawn".

    Raises:
        UnknownNameError: no such kind.
        MissingFileError, InputError: as the data set raises them; options of another kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("data set to prepare", kind, list(KINDS))
    expected = _OPTIONS.get(kind, PrepareOptions)
    if type(options) is not expected:
        raise InputError("options", f"{expected.__name__} for {kind}", type(options).__name__)
    if isinstance(options, TurnOptions):
        return open_turned(root, options)
    if isinstance(options, BalanceOptions):
        return open_balanced(root, options)
    if isinstance(options, DrawnOptions):
        return open_drawn(root, options)
    return open_collection(kind, root, options.held_out)


def workshop_for(
    collection: Collection,
    root: Path,
    options: PrepareOptions,
    *,
    fan: dict[str, Path],
    log: FailureLog | None = None,
) -> Work:
    """What prepares the photographs of a collection; tracebacks go into `log`."""
    if isinstance(options, TurnOptions):
        return TurnWorkshop(collection, root, options, log)
    if isinstance(options, BalanceOptions):
        return CopyWorkshop(collection, log)
    if isinstance(options, DrawnOptions):
        return DrawnWorkshop(collection, options, log)
    return Workshop(collection, root, options, fan, log)


@dataclass(frozen=True)
class PreparePool:
    """Who prepares parts: this process, or others."""

    kind: str
    root: Path
    options: PrepareOptions
    fan: dict[str, Path]
    parts: Parts
    workers: int
    log: FailureLog
    ray_address: str = ""

    def make(self, collection: Collection, todo: Sequence[Part]) -> Iterator[tuple[Part, Note]]:
        """Parts as they are finished, in any order.

        A photograph that ends every process that reads it is rejected; with one worker it ends
        this one.
        """
        if not self.ray_address and (self.workers == 1 or len(todo) == 1):
            workshop = workshop_for(collection, self.root, self.options, fan=self.fan, log=self.log)
            with _one_thread():
                for part in todo:
                    yield part, self.parts.make(part, workshop)
            return
        pool = self._pool(_make_part, _order_name)
        orders = [_Order(part, {}) for part in todo]
        for order, note in pool.work(orders, min(self.workers, len(todo))):
            yield order.part, self._without_deadly(order.part) if isinstance(note, Died) else note

    def _pool(
        self, function: Callable[[T], R], name: Callable[[T], str]
    ) -> WorkerPool[T, R] | RayPool[T, R]:
        """Processes of this machine or of Ray's that do some work."""
        settings = self.kind, self.root, self.options, self.fan, self.parts, self.log
        if self.ray_address:
            return RayPool(function, _start_worker, settings, name, self.ray_address)
        return WorkerPool(function, _start_worker, settings, name)

    def _without_deadly(self, part: Part) -> Note:
        """A part without the photographs that end processes, found one by one."""
        alone = [Part(f"{part.name}, {p.name}", [p]) for p in part.photographs]
        trial = self._pool(_try_part, _part_name)
        deadly = {
            order.photographs[0].name: f"it ended the process that read it ({note.how})"
            for order, note in trial.work(alone, 1)
            if isinstance(note, Died)
        }
        pool = self._pool(_make_part, _order_name)
        ((_, note),) = pool.work([_Order(part, deadly)], 1)
        if isinstance(note, Died):
            remedy = "Probably memory ran out: fewer --workers. The same command continues."
            raise InputError("workers", "processes that live", f"{note.how} at {part.name}", remedy)
        return note


@dataclass(frozen=True)
class _Order:
    """A part to be made, and which of its photographs are left out, with the reason."""

    part: Part
    without: Mapping[str, str]


def _order_name(order: _Order) -> str:
    return order.part.name


def _part_name(part: Part) -> str:
    return part.name


def _start_worker(
    kind: str,
    root: Path,
    options: PrepareOptions,
    fan: dict[str, Path],
    parts: Parts,
    log: FailureLog,
) -> None:
    torch.set_num_threads(1)
    collection = open_kind(kind, root, options)
    _workshops.append((workshop_for(collection, root, options, fan=fan, log=log), parts))


def _make_part(order: _Order) -> Note:
    workshop, parts = _workshops[0]
    return parts.make(order.part, workshop, order.without)


def _try_part(part: Part) -> None:
    """Do the work on a part and forget it."""
    _workshops[0][0].entries(part.photographs)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
