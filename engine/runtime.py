"""The machine of a run: its device, its processes, and their random number generators.

Processes are those of accelerate where it is installed, else there is one plain process.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import random
import time
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..datasets.batches.epochs import derived_seed

_PATIENCE = timedelta(hours=3)  # of processes that wait while the main one validates
_LAST_WORDS = 0.1  # seconds for the threads of a group of processes to let go of tensors


def random_state(device: torch.device) -> dict[str, Any]:
    """The generators of torch, of the device, of numpy and of Python."""
    kind, keys, place, has_normal, normal = np.random.get_state()
    version, numbers, spare = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "device": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": [str(kind), np.asarray(keys).tolist(), int(place), int(has_normal), float(normal)],
        "python": [version, list(numbers), spare],
    }


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Put a `random_state` back."""
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["device"] is not None:
        torch.cuda.set_rng_state(state["device"], device)
    kind, keys, place, has_normal, normal = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), place, has_normal, normal))
    version, numbers, spare = state["python"]
    random.setstate((version, tuple(numbers), spare))


def seed_everything(*numbers: int) -> None:
    """Seed every generator with what these numbers give."""
    seed = derived_seed(*numbers)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


class Runtime(Protocol):
    """What the loop needs of a machine.

    Attributes:
        device: of this process.
        rank: its number.
        world: how many processes there are.
    """

    device: torch.device
    rank: int
    world: int

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network on the device; gradients become means over processes."""
        ...

    def local(self, network: nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Where the gradients of a wrapped network are left to each process."""
        ...

    def sum(self, values: Tensor) -> Tensor:
        """The sum over processes."""
        ...

    def gather(self, value: Any) -> list[Any]:  # noqa: ANN401
        """The value of every process, by rank."""
        ...

    def barrier(self) -> None:
        """Wait for every process."""
        ...


class PlainRuntime:
    """One process, one device: "auto", "cpu" or "cuda"."""

    def __init__(self, device: str) -> None:
        self.device = pick_device(device)
        self.rank, self.world = 0, 1

    def wrap(self, network: nn.Module) -> nn.Module:
        """The same network, moved."""
        return network.to(self.device)

    def local(self, network: nn.Module) -> contextlib.AbstractContextManager[Any]:
        """A context that does nothing."""
        return contextlib.nullcontext()

    def sum(self, values: Tensor) -> Tensor:
        """The values."""
        return values

    def gather(self, value: Any) -> list[Any]:  # noqa: ANN401
        """The value."""
        return [value]

    def barrier(self) -> None:
        """Nobody to wait for."""


class AccelerateRuntime:
    """accelerate: the processes that torchrun or `accelerate launch` started, or one."""

    def __init__(self, device: str) -> None:
        from accelerate import Accelerator
        from accelerate.utils import InitProcessGroupKwargs

        patience = InitProcessGroupKwargs(timeout=_PATIENCE)
        on_cpu = pick_device(device).type == "cpu"
        self._accelerator = Accelerator(
            mixed_precision="no", cpu=on_cpu, kwargs_handlers=[patience]
        )
        self.device = self._accelerator.device
        self.rank = self._accelerator.process_index
        self.world = self._accelerator.num_processes
        if self.world > 1:
            atexit.unregister(_leave_group)
            atexit.register(_leave_group)

    def wrap(self, network: nn.Module) -> nn.Module:
        """On the device, and within `DistributedDataParallel` where there are processes."""
        wrapped: nn.Module = self._accelerator.prepare_model(network)
        return wrapped

    def local(self, network: nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Gradients are not exchanged."""
        manager: contextlib.AbstractContextManager[Any] = self._accelerator.no_sync(network)
        return manager

    def sum(self, values: Tensor) -> Tensor:
        """The sum over processes."""
        total: Tensor = self._accelerator.reduce(values.to(self.device), reduction="sum")
        return total.to(values.device)  # NCCL adds on GPUs alone

    def gather(self, value: Any) -> list[Any]:  # noqa: ANN401
        """Plain values of every process."""
        from accelerate.utils import gather_object

        return list(gather_object([value]))

    def barrier(self) -> None:
        """Wait for every process."""
        self._accelerator.wait_for_everyone()


def pick_device(device: str) -> torch.device:
    """The device of a name.

    Raises:
        InputError: an unknown name, or CUDA where there is none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError("device", "auto, cpu or cuda", repr(device))
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("device", "cpu", "cuda, which torch does not find here")
    return torch.device("cuda" if device != "cpu" and there else "cpu")


def _leave_group() -> None:
    """End the group of processes while Python still runs.

    A thread of the group which lets go of a tensor needs the interpreter; where it asks for it
    too late, the process is aborted (SIGABRT) after its work is done. The group's end joins its
    threads once no wrapped network holds it; the pause is for those that are held to the end.
    """
    gc.collect()
    time.sleep(_LAST_WORDS)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def make_runtime(device: str) -> Runtime:
    """accelerate's if it is installed, else the plain one."""
    there = find_spec("accelerate") is not None
    return AccelerateRuntime(device) if there else PlainRuntime(device)
