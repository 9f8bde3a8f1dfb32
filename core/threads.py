"""Work shared among threads, with results in the order of the work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .errors import InputError

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    function: Callable[[T], R],
    items: Sequence[T],
    threads: int,
    *,
    start: Callable[[], object] = lambda: None,
) -> Iterator[R]:
    """The results of `function` for all items, several of which are worked on at a time.

    No more than twice as many results as threads wait for an earlier one to be finished. An error
    ends the iteration when its turn comes; closing the iterator waits for what is under way.

    Args:
        function: the work on one item.
        items: in the order of the results.
        threads: at least 1; one is the caller's own.
        start: called once in each of several threads.

    Raises:
        InputError: fewer than one thread.
        Exception: what `function` raised.

    Example:
        >>> list(in_order(str.upper, ["a", "b", "c"], 2))
        ['A', 'B', 'C']
    """
    if threads < 1:
        raise InputError("threads", "1 or more", str(threads))
    if threads == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, "selfie3d-worker", initializer=start) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
