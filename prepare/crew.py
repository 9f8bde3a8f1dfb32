"""Who prepares the parts: this process, or several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core.errors import InputError
from ..core.item_failure import FailureLog
from ..core.worker_pool import Died, WorkerPool
from .kinds import open_kind, workshop_for
from .options import PrepareOptions
from .parts import Note, Part, Parts, Work
from .photographs import Collection

_Settings = tuple[str, Path, PrepareOptions, dict[str, Path], Parts, FailureLog]


@dataclass(frozen=True)
class Crew:
    """Who prepares parts: this process, or others."""

    kind: str
    root: Path
    options: PrepareOptions
    fan: dict[str, Path]
    parts: Parts
    workers: int
    log: FailureLog

    def make(self, collection: Collection, todo: Sequence[Part]) -> Iterator[tuple[Part, Note]]:
        """Parts as they are finished, in any order.

        A photograph that ends every process that reads it is rejected; with one worker it ends
        this one.
        """
        if self.workers == 1 or len(todo) == 1:
            workshop = workshop_for(collection, self.root, self.options, self.fan, self.log)
            with _one_thread():
                for part in todo:
                    yield part, self.parts.make(part, workshop)
            return
        pool = WorkerPool(_make_part, _start_worker, self._settings, lambda order: order.part.name)
        orders = [_Order(part, {}) for part in todo]
        for order, note in pool.work(orders, min(self.workers, len(todo))):
            yield order.part, self._without_deadly(order.part) if isinstance(note, Died) else note

    @property
    def _settings(self) -> _Settings:
        """What a process needs."""
        return self.kind, self.root, self.options, self.fan, self.parts, self.log

    def _without_deadly(self, part: Part) -> Note:
        """A part without the photographs that end processes, found one by one."""
        settings = self._settings
        alone = [Part(f"{part.name}, {p.name}", [p]) for p in part.photographs]
        trial = WorkerPool(_try_part, _start_worker, settings, lambda one: one.name)
        deadly = {
            one.photographs[0].name: f"it ended the process that read it ({found.how})"
            for one, found in trial.work(alone, 1)
            if isinstance(found, Died)
        }
        pool = WorkerPool(_make_part, _start_worker, settings, lambda order: order.part.name)
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


_workshops: list[tuple[Work, Parts]] = []  # of a worker process


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
    _workshops.append((workshop_for(collection, root, options, fan, log), parts))


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
