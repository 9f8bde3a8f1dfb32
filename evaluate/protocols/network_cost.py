"""What a network costs: parameters, multiplications, bytes and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.errors import InputError

_RUNNING = ("running_mean", "running_var", "num_batches_tracked")
_LEAST_RUNS = 5


@dataclass(frozen=True)
class Timing:
    """Wall time of one image in milliseconds: median and standard deviation of `runs` batches."""

    median_ms: float
    std_ms: float
    runs: int


def count_parameters(network: nn.Module) -> int:
    """Numbers that training changes, or could: shared ones once, no running statistics.

    >>> count_parameters(nn.Conv2d(3, 8, 3))
    224

    Args:
        network: of any kind.
    """
    return sum(parameter.numel() for parameter in network.parameters())


def count_stored_parameters(state: Mapping[str, Tensor]) -> int:
    """As `count_parameters`, of a state: floating tensors without running statistics."""
    tensors = {key: value for key, value in state.items() if not key.endswith(_RUNNING)}
    return sum(value.numel() for value in tensors.values() if value.is_floating_point())


def float_bytes(network: nn.Module) -> int:
    """Bytes of a network's state with 4 bytes for every floating number."""
    state = network.state_dict().values()
    return sum(4 * t.numel() if t.is_floating_point() else t.nbytes for t in state)


def count_macs(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiplications with an addition each for one image, half of torch's count of FLOPs.

    torch.utils.flop_counter counts convolutions, matrix products and attention; normalisation,
    activations, pooling and additions are free there, as in the papers' tables.

    Args:
        network: in evaluation mode.
        input_shape: (channels, height, width).
    """
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(_images(1, input_shape))
    return int(counter.get_total_flops()) // 2


def measure_time(
    network: nn.Module, input_shape: tuple[int, ...], batch: int, seconds: float
) -> Timing:
    """Time of one image in batches of `batch` on the CPU, after two batches that do not count.

    Args:
        network: in evaluation mode.
        input_shape: (channels, height, width).
        batch: images at once.
        seconds: runs until so much time is over, and at least five times.

    Raises:
        InputError: no image, or no time.
    """
    if batch < 1 or seconds <= 0:
        raise InputError("batch, seconds", "both above 0", f"{batch}, {seconds:g}")
    images = _images(batch, input_shape)
    with torch.inference_mode():
        return time_calls(lambda: network(images), batch, seconds)


def time_calls(call: Callable[[], object], count: int, seconds: float) -> Timing:
    """Time of one item of calls that do `count` of them, after two calls that do not count.

    Args:
        call: the work.
        count: items of each call.
        seconds: it is called until so much time is over, and at least five times.
    """
    spent: list[float] = []
    for _ in range(2):
        call()
    while len(spent) < _LEAST_RUNS or sum(spent) < seconds:
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    each = torch.tensor(spent, dtype=torch.float64) * 1000 / count
    return Timing(float(each.quantile(0.5)), float(each.std()), len(spent))


@contextmanager
def threads(count: int) -> Iterator[int]:
    """Let torch use so many threads inside; 0 leaves them as they are. Gives their number."""
    before = torch.get_num_threads()
    if count < 0:
        raise InputError("threads", "0 or more", str(count))
    try:
        if count:
            torch.set_num_threads(count)
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _images(batch: int, input_shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, *input_shape, generator=generator)
