"""Work beside the work: in order, in one thread, never far behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_BEHIND = 4


class Background:
    """Runs what it is given one after the other while the caller goes on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._open: deque[Future[object]] = deque()

    def do(self, work: Callable[[], object]) -> None:
        """Do this next; waits where too much is open, and raises what earlier work raised."""
        self._open.append(self._pool.submit(work))
        if len(self._open) > _BEHIND:
            self._open.popleft().result()

    def finish(self) -> None:
        """Wait until all is done; raises what it raised."""
        while self._open:
            self._open.popleft().result()
        self._pool.shutdown()

    def drop(self) -> None:
        """Leave undone what has not begun."""
        self._pool.shutdown(cancel_futures=True)
