"""Device, precision and processes: accelerate where it is installed, else one plain process."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from ..core.errors import InputError


class Runtime(Protocol):
    """What the loop needs of a machine."""

    device: torch.device
    is_main: bool

    def prepare(self, network: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Network and optimiser, ready for this device and these processes."""
        ...

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Where the forward pass runs."""
        ...

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of the loss, averaged over processes."""
        ...

    def barrier(self) -> None:
        """Wait for every process."""
        ...


class PlainRuntime:
    """One process, one device.

    Args:
        device: "auto", "cpu" or "cuda".
        precision: "float32" or "bfloat16".
    """

    def __init__(self, device: str, precision: str) -> None:
        self.device = pick_device(device)
        self.is_main = True
        self._precision = precision

    def prepare(self, network: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Both unchanged; the network on the device."""
        return network.to(self.device), optimizer

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Torch's own."""
        half = self._precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def backward(self, loss: torch.Tensor) -> None:
        """Plain backward."""
        loss.backward()

    def barrier(self) -> None:
        """Nobody to wait for."""


class AccelerateRuntime:
    """accelerate: one to many devices; arguments as `PlainRuntime`."""

    def __init__(self, device: str, precision: str) -> None:
        from accelerate import Accelerator

        wanted = pick_device(device)
        mixed = "bf16" if precision == "bfloat16" else "no"
        self._accelerator = Accelerator(mixed_precision=mixed, cpu=wanted.type == "cpu")
        self.device = self._accelerator.device
        self.is_main = self._accelerator.is_main_process

    def prepare(self, network: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Wrapped for the processes there are; the forward pass casts by itself."""
        prepared: tuple[nn.Module, Optimizer] = self._accelerator.prepare(network, optimizer)
        return prepared

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The prepared network casts by itself."""
        return contextlib.nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients averaged over processes."""
        self._accelerator.backward(loss)

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


def make_runtime(device: str, precision: str) -> Runtime:
    """accelerate's if it is installed, else the plain one."""
    there = find_spec("accelerate") is not None
    return (AccelerateRuntime if there else PlainRuntime)(device, precision)
