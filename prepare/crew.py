"""Who prepares the parts: this process, or several."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from ..core.errors import InputError
from .kinds import open_kind, workshop_for
from .options import PrepareOptions
from .parts import Note, Part, Parts, Work
from .photographs import Collection


@dataclass(frozen=True)
class Crew:
    """Who prepares parts: this process, or others."""

    kind: str
    root: Path
    options: PrepareOptions
    fan: dict[str, Path]
    parts: Parts
    workers: int

    def make(self, collection: Collection, todo: Sequence[Part]) -> Iterator[tuple[Part, Note]]:
        """Parts as they are finished, in any order."""
        if self.workers == 1 or len(todo) == 1:
            workshop = workshop_for(collection, self.root, self.options, self.fan)
            with _one_thread():
                for part in todo:
                    yield part, self.parts.make(part, workshop)
            return
        context = multiprocessing.get_context("spawn")
        settings = (self.kind, self.root, self.options, self.fan, self.parts)
        workers = min(self.workers, len(todo))
        pool = ProcessPoolExecutor(workers, context, _start_worker, settings)
        try:
            waiting = iter(todo)
            running: dict[Future[Note], Part] = {}
            while True:
                for part in islice(waiting, workers - len(running)):
                    running[pool.submit(_make_part, part)] = part
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            remedy = "Probably memory ran out: fewer --workers. The same command continues."
            raise InputError(
                "workers", "processes that live", "one that was ended", remedy
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_workshops: list[tuple[Work, Parts]] = []  # of a worker process


def _start_worker(
    kind: str, root: Path, options: PrepareOptions, fan: dict[str, Path], parts: Parts
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to end
    torch.set_num_threads(1)
    collection = open_kind(kind, root, options)
    _workshops.append((workshop_for(collection, root, options, fan), parts))


def _make_part(part: Part) -> Note:
    workshop, parts = _workshops[0]
    return parts.make(part, workshop)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
