"""What the CPU back end demands of its arguments, and threads over slices of a batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ...core.errors import InputError

MAX_TRIANGLES = 2**24 - 1
"""Ids are stored as float32, which counts exactly up to 2**24."""

MAX_SIZE = 2**15
"""Rows and columns share one integer in the list of candidate pixels."""

SERIAL_BATCH = 2
"""Up to this many images a second thread costs more than it gains."""

# Keyed by process and size: a forked child has the parent's pool object but none of its threads.
_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}


def check_tensor(
    name: str, tensor: Tensor, shape: tuple[int | None, ...], dtype: torch.dtype = torch.float32
) -> None:
    """Raise InputError unless `tensor` is a CPU tensor of this shape (None: any size) and dtype."""
    actual = tuple(tensor.shape)
    fits = len(actual) == len(shape) and all(
        s in (None, a) for s, a in zip(shape, actual, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if s is None else str(s) for s in shape)
        raise InputError(name, f"shape ({wanted})", f"shape {actual}")
    if tensor.dtype != dtype:
        raise InputError(name, str(dtype), str(tensor.dtype), f"Convert it with .to({dtype}).")
    if tensor.device.type != "cpu":
        raise InputError(
            name, "a CPU tensor", f"one on {tensor.device}", 'The back end "cpu" needs .cpu().'
        )


def check_batch(name: str, tensor: Tensor, batch: int) -> None:
    """Raise InputError unless the first size is `batch` or 1."""
    if tensor.shape[0] not in (1, batch):
        raise InputError(name, f"a batch of {batch} or 1", f"shape {tuple(tensor.shape)}")


def check_texels(tex: Tensor) -> None:
    """Raise InputError unless a texture (B,h,w,C) has a texel."""
    if tex.shape[1] < 1 or tex.shape[2] < 1:
        raise InputError("tex", "at least one texel", f"shape {tuple(tex.shape)}")


def check_resolution(resolution: tuple[int, int]) -> None:
    """Raise InputError unless both sizes are integers the rasterizer can count to."""
    if len(resolution) != 2 or any(
        not isinstance(n, int) or not 1 <= n <= MAX_SIZE for n in resolution
    ):
        raise InputError(
            "resolution", f"(height, width), integers in 1..{MAX_SIZE}", repr(resolution)
        )


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
