"""Batches made ahead in a thread, without losing the place in the source."""

from __future__ import annotations

import queue
import threading
from typing import Any, Protocol


class Source(Protocol):
    """Endless batches with a position."""

    def __next__(self) -> Any: ...  # noqa: ANN401

    def state_dict(self) -> dict[str, int]:
        """The position before the next batch."""
        ...

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a position."""
        ...


class Prefetcher:
    """Takes batches out of a source, `depth` of them ahead of their use.

    Args:
        source: not to be used by anybody else while this lives.
        depth: 0 makes every batch when it is asked for.
    """

    def __init__(self, source: Source, depth: int) -> None:
        self._source = source
        self._state = source.state_dict()
        self._queue: queue.Queue[tuple[Any, dict[str, int]]] | None = None
        if depth > 0:
            self._queue = queue.Queue(depth)
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._fill, daemon=True)
            self._thread.start()

    def __next__(self) -> Any:  # noqa: ANN401
        batch, self._state = self._make() if self._queue is None else self._queue.get()
        if isinstance(batch, BaseException):
            raise batch
        return batch

    def state_dict(self) -> dict[str, int]:
        """The source's position after the last batch that was handed out."""
        return self._state

    def close(self) -> None:
        """Stop the thread."""
        if self._queue is not None:
            self._stop.set()
            while self._thread.is_alive():
                self._drain()
                self._thread.join(0.05)

    def _make(self) -> tuple[Any, dict[str, int]]:
        batch = next(self._source)
        return batch, self._source.state_dict()

    def _fill(self) -> None:
        if self._queue is None:
            return
        while not self._stop.is_set():
            try:
                item = self._make()
            except BaseException as error:  # noqa: BLE001  (raised again by whoever takes it)
                item = (error, self._state)
                self._stop.set()
            self._queue.put(item)

    def _drain(self) -> None:
        try:
            while self._queue is not None:
                self._queue.get_nowait()
        except queue.Empty:
            pass
