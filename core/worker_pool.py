"""Work shared among processes: one that is killed is named and its work done again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from .collector import collect_rarely
from .errors import InputError, Selfie3dError

T = TypeVar("T")
R = TypeVar("R")
_TRIES = 2
_GRACE = 5.0  # seconds for a process to end by itself
_READY, _DONE, _RAISED = "ready", "done", "raised"


@dataclass(frozen=True)
class Died:
    """The result of a piece of work that ended every process that tried it.

    Attributes:
        how: "SIGKILL", or "exit status 3".
    """

    how: str


@dataclass(frozen=True)
class WorkerPool(Generic[T, R]):
    """Processes that do the same work.

    Args:
        function: the work on one item; a function of a module, as `start` is.
        start: called once in every process, with `settings`.
        settings: what `start` needs.
        name: of an item, for messages.
    """

    function: Callable[[T], R]
    start: Callable[..., object]
    settings: tuple[Any, ...]
    name: Callable[[T], str]

    def work(self, items: Sequence[T], workers: int) -> Iterator[tuple[T, R | Died]]:
        """Items with their results as they are finished, in any order.

        A process that is ended from outside, or ends itself, is named on stderr and its item given
        to a new one; ends that, too, the result is `Died`. Whatever ends this process, and closing
        the iterator, ends the others.

        Raises:
            InputError: the processes end before they are ready.
            Exception: what `start` or `function` raised.
        """
        return _Work(self, items, workers).results()


class _Work(Generic[T, R]):
    """One call of `WorkerPool.work`: what is to be done, by whom, and who has died."""

    def __init__(self, pool: WorkerPool[T, R], items: Sequence[T], workers: int) -> None:
        self._pool, self._items, self._workers = pool, items, workers
        self._todo, self._tries = deque(range(len(items))), Counter[int]()
        self._running: list[_Worker] = []
        self._unready = 0

    def results(self) -> Iterator[tuple[T, R | Died]]:
        """See `WorkerPool.work`."""
        running = self._running
        try:
            while self._todo or any(worker.item is not None for worker in running):
                while self._todo and len(running) < self._workers:
                    running.append(_Worker(self._pool))
                for worker in _heard_of(running):
                    yield from self._hear(worker)
        finally:
            _end(running)

    def _hear(self, worker: _Worker) -> Iterator[tuple[T, R | Died]]:
        """Take what a process has sent, and give it the next item."""
        item, message = worker.item, worker.receive()
        if message is None:
            self._running.remove(worker)
            yield from self._bury(worker, item)
            return
        kind, content = message
        if kind == _RAISED:
            raise content
        self._unready = 0
        worker.give(self._todo.popleft() if self._todo else None, self._items)
        if kind == _DONE and item is not None:
            yield self._items[item], content

    def _bury(self, worker: _Worker, item: int | None) -> Iterator[tuple[T, R | Died]]:
        """Say that a process has died, and see to its item."""
        how = worker.ended()
        if item is None:
            self._unready += 1
            _say(worker.pid, how, "its start", again=self._unready < _TRIES)
            if self._unready >= _TRIES:
                raise _never_ready(how)
            return
        self._tries[item] += 1
        again = self._tries[item] < _TRIES
        _say(worker.pid, how, self._pool.name(self._items[item]), again)
        if again:
            self._todo.appendleft(item)
        else:
            yield self._items[item], Died(how)


class _Worker:
    """One process and what it works on."""

    def __init__(self, pool: WorkerPool[Any, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        settings = (theirs, pool.function, pool.start, pool.settings)
        self._process: SpawnProcess = context.Process(target=_serve, args=settings, daemon=True)
        self._process.start()
        theirs.close()
        self.item: int | None = None
        self.idle = False

    @property
    def connection(self) -> Connection:
        """Where it sends what it has done."""
        return self._ours

    @property
    def pid(self) -> int | None:
        """Its number."""
        return self._process.pid

    def receive(self) -> tuple[str, Any] | None:
        """What it sent; None where it has ended."""
        try:
            message: tuple[str, Any] = self._ours.recv()
        except (EOFError, OSError):
            return None
        return message

    def give(self, item: int | None, items: Sequence[Any]) -> None:
        """The next item, if there is one."""
        self.item, self.idle = item, item is None
        if item is not None:
            with suppress(OSError):  # it has ended; that is heard of next
                self._ours.send(items[item])

    def ended(self) -> str:
        """Wait for its end and say how it came."""
        self._ours.close()
        self._process.join(_GRACE)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            self._process.join()
        if code is not None and code < 0:
            with suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit status {code}"

    def end(self) -> None:
        """End it now."""
        self._ours.close()
        self._process.terminate()
        self._process.join(_GRACE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _heard_of(running: Sequence[_Worker]) -> list[_Worker]:
    """The processes that have sent something or ended."""
    listening = {worker.connection: worker for worker in running if not worker.idle}
    return [listening[connection] for connection in wait(list(listening))]  # type: ignore[index]


def _end(running: Sequence[_Worker]) -> None:
    busy = [worker for worker in running if not worker.idle]
    for worker in running:
        worker.end()
    if busy and sys.exc_info()[0] is not None:
        print(f"selfie3d: {len(busy)} worker processes were ended.", file=sys.stderr, flush=True)


def _say(pid: int | None, how: str, name: str, again: bool) -> None:
    then = "another one does its work" if again else "that ended another one before"
    why = " (memory may have run out)" if how == "SIGKILL" else ""
    text = f"selfie3d: worker process {pid} was ended by {how}{why} at {name}; {then}."
    print(text, file=sys.stderr, flush=True)


def _never_ready(how: str) -> InputError:
    remedy = "Fewer --workers; probably memory ran out. The same command continues."
    return InputError("workers", "processes that live", f"one that was ended by {how}", remedy)


def _serve(
    connection: Connection,
    function: Callable[[Any], Any],
    start: Callable[..., object],
    settings: tuple[Any, ...],
) -> None:
    """The life of a process: start, then one item after another."""
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to end
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    message = _outcome(_READY, lambda: (start(*settings), None)[1])
    with suppress(EOFError, OSError):  # the first process is gone or has closed
        connection.send(message)
        while message[0] != _RAISED:
            item = connection.recv()
            message = _outcome(_DONE, lambda: function(item))  # noqa: B023  (called at once)
            connection.send(message)


def _outcome(kind: str, call: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return kind, call()
    except Exception as error:  # noqa: BLE001  (raised again by the first process)
        return _RAISED, sendable(error)


def sendable(error: Exception) -> Exception:
    """The error, or one that says the same and can travel between processes."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  (whatever an error of somebody else's cannot do)
        return Selfie3dError(f"{type(error).__name__}: {error}")
    return error


def _leave_with_parent() -> None:
    """End with the first process, even where that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
