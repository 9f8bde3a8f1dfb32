"""The processes that work, and whoever waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..core.errors import Selfie3dError
from .worker import BrokenError, Question, TooLongError, Worker


class BusyError(Selfie3dError):
    """So many wait already that it makes no sense to wait behind them."""


class Crew:
    """Workers that take questions in turn; ended ones are replaced.

    Args:
        make: a worker that isn't started.
        workers: how many.
        waiting: so many may wait for one.
    """

    def __init__(self, make: Callable[[], Worker], workers: int, waiting: int) -> None:
        self._all = [make() for _ in range(workers)]
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._most, self._inside = workers + waiting, 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin; returns when all can answer."""
        await asyncio.gather(*(asyncio.to_thread(worker.start) for worker in self._all))
        for worker in self._all:
            self._idle.put_nowait(worker)

    async def ask(self, question: Question) -> bytes:
        """The answer of the next worker that is free.

        Raises:
            BusyError: too many wait.
            NoFaceError, InputError, TooLongError, BrokenError: as `Worker.ask`.
        """
        if self._inside >= self._most:
            raise BusyError("too many photographs are waiting; come again in some seconds")
        self._inside += 1
        try:
            worker = await self._idle.get()
            return await asyncio.shield(
                self._keep(asyncio.create_task(self._asked(worker, question)))
            )
        finally:
            self._inside -= 1

    async def _asked(self, worker: Worker, question: Question) -> bytes:
        """Goes on where whoever asked has left: the worker comes back in any case."""
        try:
            found = await asyncio.to_thread(worker.ask, question)
        except (TooLongError, BrokenError):
            if worker.works:
                self._idle.put_nowait(worker)
            else:
                self._keep(asyncio.create_task(self._replaced(worker)))
            raise
        except BaseException:
            self._idle.put_nowait(worker)
            raise
        self._idle.put_nowait(worker)
        return found

    async def _replaced(self, worker: Worker) -> None:
        for pause in (0, 5, 30):
            await asyncio.sleep(pause)
            try:
                await asyncio.to_thread(worker.start)
            except Selfie3dError:
                continue
            self._idle.put_nowait(worker)
            return

    def _keep(self, task: asyncio.Task) -> asyncio.Task:
        """Hold a task until it is done: the loop itself doesn't."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        """End every process."""
        for worker in self._all:
            worker.stop()
