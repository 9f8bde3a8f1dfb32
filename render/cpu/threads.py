"""Run one kernel over slices of a batch in several threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch

SERIAL_BATCH = 2
"""Up to this many images a second thread costs more than it gains."""

# Keyed by process and size: a forked child has the parent's pool object but none of its threads.
_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}


def _pool(workers: int) -> ThreadPoolExecutor:
    key = (os.getpid(), workers)
    pool = _POOLS.get(key)
    if pool is None:
        # setdefault is atomic, and a lock held during a fork would hang the child.
        pool = _POOLS.setdefault(key, ThreadPoolExecutor(workers, "selfie3d-rasterizer"))
    return pool


def run_slices(kernel: Callable[..., Any], count: int, *arguments: object) -> None:
    """Call `kernel(*arguments, first, last)` so that the slices cover range(count).

    As many threads as `torch.get_num_threads()`, one contiguous slice each; serial up to
    `SERIAL_BATCH`. The caller's thread takes the first slice.
    """
    threads = min(torch.get_num_threads(), count)
    if count <= SERIAL_BATCH or threads < 2:
        kernel(*arguments, 0, count)
        return
    bounds = [count * i // threads for i in range(threads + 1)]
    pool = _pool(threads - 1)
    others = [pool.submit(kernel, *arguments, first, last) for first, last in pairwise(bounds[1:])]
    try:
        kernel(*arguments, bounds[0], bounds[1])
    finally:  # the arrays must outlive every thread that works on them
        for other in others:
            other.result()
