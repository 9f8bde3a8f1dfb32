"""Work shared among actors of Ray's, as `WorkerPool` shares it among processes of this machine."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .errors import InputError
from .progress import progress_note
from .ray_session import ray_session
from .worker_pool import Died, sendable

T = TypeVar("T")
R = TypeVar("R")
_TRIES = 2
_MOST_UNREADY = 3  # actors in a row that die before they have done anything


@dataclass(frozen=True)
class RayPool(Generic[T, R]):
    """Actors that do the same work; what they write goes to a folder that all machines see.

    Args:
        function: the work on one item; a function of a module, as `start` is.
        start: called once in every actor, with `settings`.
        settings: what `start` needs.
        name: of an item, for messages.
        address: see `ray_session`.
    """

    function: Callable[[T], R]
    start: Callable[..., object]
    settings: tuple[Any, ...]
    name: Callable[[T], str]
    address: str

    def work(self, items: Sequence[T], workers: int) -> Iterator[tuple[T, R | Died]]:
        """Items with their results as they are finished, in any order.

        An actor that dies is named on stderr and its item given to a new one; dies that, too, the
        result is `Died`. Each actor has one item at a time.

        Args:
            items: the work.
            workers: actors, a processor core each.

        Raises:
            InputError: no cluster, or actors that die before they have done anything.
            MissingFileError: the package ray is not installed.
            Exception: what `start` or `function` raised.
        """
        with ray_session(self.address, workers) as ray:
            work = _RayWork(self, ray, items)
            try:
                yield from work.results(workers)
            finally:
                work.end()


class _RayWork(Generic[T, R]):
    """One call of `RayPool.work`: what is to be done, and which actor does what."""

    def __init__(self, pool: RayPool[T, R], ray: Any, items: Sequence[T]) -> None:  # noqa: ANN401
        self._pool, self._ray, self._items = pool, ray, items
        self._todo, self._tries = deque(range(len(items))), Counter[int]()
        self._running: dict[Any, tuple[Any, int]] = {}  # reference of a result: actor and item
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
        self._died_unready = 0

    def results(self, workers: int) -> Iterator[tuple[T, R | Died]]:
        """See `RayPool.work`."""
        for _ in range(min(workers, len(self._items))):
            self._give(self._new())
        while self._running:
            (reference,), _ = self._ray.wait(list(self._running), num_returns=1)
            actor, item = self._running.pop(reference)
            try:
                result = self._ray.get(reference)
            except self._ray.exceptions.RayActorError:
                yield from self._bury(item)
                continue
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            self._died_unready = 0
            self._give(actor)
            yield self._items[item], result

    def end(self) -> None:
        """End the actors that are at work."""
        for actor, _ in self._running.values():
            self._ray.kill(actor)

    def _new(self) -> Any:  # noqa: ANN401
        pool = self._pool
        return self._actor.remote(pool.function, pool.start, pool.settings)

    def _give(self, actor: Any) -> None:  # noqa: ANN401
        """Give an actor the next item; where there is none it ends, as nobody holds it."""
        if self._todo:
            item = self._todo.popleft()
            self._running[actor.work.remote(self._items[item])] = actor, item

    def _bury(self, item: int) -> Iterator[tuple[T, R | Died]]:
        """Say that an actor has died, and see to its item."""
        self._died_unready += 1
        if self._died_unready > _MOST_UNREADY:
            remedy = "Fewer --workers; probably memory ran out. The same command continues."
            raise InputError("workers", "actors that live", "some that die at once", remedy)
        self._tries[item] += 1
        again = self._tries[item] < _TRIES
        then = "another one does its work" if again else "that ended another one before"
        name = self._pool.name(self._items[item])
        progress_note(f"selfie3d: an actor of Ray's died at {name}; {then}.")
        if again:
            self._todo.appendleft(item)
        if self._todo:
            self._give(self._new())
        if not again:
            yield self._items[item], Died("the death of its actor")


class _Actor:
    """One process of Ray's: start, then one item after another."""

    def __init__(
        self, function: Callable[[Any], Any], start: Callable[..., object], settings: tuple
    ) -> None:
        self._function = function
        self._error: Exception | None = None
        try:
            start(*settings)
        except Exception as error:  # noqa: BLE001  (raised again where somebody hears it)
            self._error = sendable(error)

    def work(self, item: Any) -> Any:  # noqa: ANN401
        """The result of one item."""
        if self._error is not None:
            raise self._error
        return self._function(item)
