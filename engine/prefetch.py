"""Batches made ahead in a thread, without losing the place in the source."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sized
from typing import Any, Protocol, runtime_checkable

from ..core.errors import InputError


class Source(Protocol):
    """Endless batches with a position.

    A source that has a length, the batches of an epoch, lets epochs be counted; it may be
    `Shardable`, as runs of several processes need it, and `Rejecting`.
    """

    def __next__(self) -> Any: ...  # noqa: ANN401

    def state_dict(self) -> dict[str, Any]:
        """The position before the next batch: plain values and tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        ...


@runtime_checkable
class Shardable(Protocol):
    """A source whose batches several processes can share."""

    def shard(self, rank: int, world: int) -> Source:
        """A source that makes an equal part of each of the same batches.

        So batches do not depend on the number of processes. Length and position stay those of
        whole batches.
        """
        ...


@runtime_checkable
class Rejecting(Protocol):
    """A source that leaves out samples which it cannot use."""

    def rejects(self) -> Mapping[str, str]:
        """A copy of what could not be used so far, name to reason."""
        ...


def shard(source: Source, rank: int, world: int) -> Source:
    """One process's part of `source`.

    Raises:
        InputError: it cannot be divided among processes.
    """
    if world == 1:
        return source
    if not isinstance(source, Shardable):
        name = type(source).__name__
        raise InputError("source", f"one with shard(), for {world} processes", name)
    return source.shard(rank, world)


def epoch_length(source: Source, needed: bool) -> int:
    """Batches of an epoch; 0 where nobody knows.

    Raises:
        InputError: nobody knows, and it is needed.
    """
    if isinstance(source, Sized):
        return len(source)
    if needed:
        name = type(source).__name__
        raise InputError("source", "one with a length, as epochs are counted", name)
    return 0


class Prefetcher:
    """Takes batches out of a source, `depth` of them ahead of their use.

    Args:
        source: not to be used by anybody else while this lives.
        depth: 0 makes every batch when it is asked for.
    """

    def __init__(self, source: Source, depth: int) -> None:
        self._source = source
        self._state = source.state_dict()
        self._queue: queue.Queue[tuple[Any, dict[str, Any]]] | None = None
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

    def state_dict(self) -> dict[str, Any]:
        """The source's position after the last batch that was handed out."""
        return self._state

    def close(self) -> None:
        """Stop the thread."""
        if self._queue is not None:
            self._stop.set()
            while self._thread.is_alive():
                self._drain()
                self._thread.join(0.05)

    def _make(self) -> tuple[Any, dict[str, Any]]:
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
