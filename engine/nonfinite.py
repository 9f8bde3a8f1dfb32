"""Numbers that would spoil a run, and what is done about them.

Losses and gradients that are NaN or infinite: where they come from, and what is kept of them.

Statistics of batch normalisation that belong to the weights as they are. The running ones follow
by a tenth a step. While weights change quickly, means of features move by several deviations a
step, and what one norm is off by the next ones multiply: a network of fifty norms without shortcuts
can give errors of 1e6 % in evaluation that are 30 % in training. So the statistics are gathered
anew, by the weights that are judged and written (Wu and Johnson 2021, "Rethinking Batch in
BatchNorm", section 3).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.errors import Selfie3dError
from .checkpoint import save_whole
from .task import Named, Sliceable, Task

Run = Callable[[nn.Module], object]
"""Calls a network on some training batches."""
_MOST_FILES = 10  # batches saved per run
_LISTED = 5  # samples in a message


class NonFiniteLossError(Selfie3dError):
    """A loss term or a gradient became NaN or infinite."""


@dataclass(frozen=True)
class Trouble:
    """What made a step impossible.

    Attributes:
        terms: names of the terms that are not finite; ("gradient",) where all of them are.
        samples: names of the samples that give them alone, where they can be told.
        file: the saved batch, "" if there are too many already.
    """

    terms: tuple[str, ...]
    samples: tuple[str, ...]
    file: str

    def __str__(self) -> str:
        if not self.terms:
            return "in another process"
        shown = ", ".join(self.samples[:_LISTED]) or "no single sample"
        more = len(self.samples) - _LISTED
        shown += f" and {more} more" if more > 0 else ""
        saved = f"; batch saved as {self.file}" if self.file else ""
        return f"not finite: {', '.join(self.terms)}; from {shown}{saved}"


class Snapshot:
    """What a forward pass may spoil: running statistics of the network, and the task's state.

    Args:
        task: the statistics are those of its network.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._own = list(task.network.buffers())
        self._kept = [torch.empty_like(b) for b in self._own]
        self._state: dict[str, Any] = {}

    @torch.no_grad()
    def take(self) -> None:
        """Remember."""
        if self._own:
            torch._foreach_copy_(self._kept, self._own)
        self._state = copy.deepcopy(self._task.state_dict())

    @torch.no_grad()
    def restore(self) -> None:
        """Go back."""
        if self._own:
            torch._foreach_copy_(self._own, self._kept)
        if self._state:
            self._task.load_state_dict(copy.deepcopy(self._state))


def bad_terms(terms: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the terms that are not finite; of "loss", their sum, if it alone is not."""
    names = tuple(name for name, value in terms.items() if not bool(torch.isfinite(value)))
    return tuple(name for name in names if name != "loss") or names


def bad_samples(task: Task, network: nn.Module, batch: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Samples whose terms, or whose gradients, are not finite with the sample alone.

    In evaluation mode, so that samples do not mix.

    Args:
        task: of the losses.
        network: the task's, in the run's precision, not wrapped for several processes.
        batch: on the network's device.
    """
    if not isinstance(batch, Sliceable):
        return ()
    names = _names(batch) or [f"row {k}" for k in range(len(batch))]
    network.eval()
    try:
        rows = range(len(batch))
        return tuple(names[k] for k in rows if _is_bad(task, network, batch[k : k + 1]))
    finally:
        network.train()


def _is_bad(task: Task, network: nn.Module, sample: Any) -> bool:  # noqa: ANN401
    with torch.no_grad():
        terms = dict(task.losses(network, sample))
    if bad_terms(terms):
        return True
    parameters = [p for p in network.parameters() if p.requires_grad]
    with torch.enable_grad():
        total = torch.stack(list(task.losses(network, sample).values())).sum()
        gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return not all(bool(torch.isfinite(g).all()) for g in gradients if g is not None)


def save_bad_batch(folder: Path, step: int, rank: int, *, batch: Any, facts: dict[str, Any]) -> str:  # noqa: ANN401
    """Write `bad_step_N.pt`, N being the optimiser steps done, and return its name.

    A second batch at the same step becomes `bad_step_N_2.pt`; "" once there are enough files.

    The file is a dict of the batch's tensors by dotted name, "names", and `facts`; it loads with
    `torch.load(..., weights_only=True)`.

    Args:
        folder: where to.
        step: optimiser steps done.
        rank: of the process; others than the first, 0, are part of the name.
        batch: a dataclass, on any device.
        facts: plain values.
    """
    if len(list(folder.glob("bad_step_*.pt"))) >= _MOST_FILES:
        return ""
    start = f"bad_step_{step}" + (f"_rank_{rank}" if rank else "")
    names_in_turn = (f"{start}{f'_{k}' if k > 1 else ''}.pt" for k in count(1))
    path = next(folder / name for name in names_in_turn if not (folder / name).exists())
    save_whole(path, {**_tensors(batch, ""), "names": _names(batch), **facts})
    return str(path)


def _names(batch: object) -> list[str]:
    """The names of a batch's samples; an empty list where they are not known."""
    return [str(name) for name in batch.names or ()] if isinstance(batch, Named) else []


def _tensors(value: Any, name: str) -> dict[str, Tensor]:  # noqa: ANN401
    """Every tensor below a value, by dotted name."""
    if isinstance(value, Tensor):
        return {name: value.detach().cpu()}
    if isinstance(value, Mapping):
        parts = {str(key): item for key, item in value.items()}
    elif isinstance(value, list | tuple):
        parts = {str(k): item for k, item in enumerate(value)}
    elif dataclasses.is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        return {}
    tensors: dict[str, Tensor] = {}
    for key, item in parts.items():
        tensors |= _tensors(item, f"{name}.{key}" if name else key)
    return tensors


@contextmanager
def exact_norms(network: nn.Module, run: Run | None) -> Iterator[nn.Module]:
    """The network with its norms' statistics over what `run` shows it; afterwards as it was.

    Args:
        network: evaluating.
        run: None leaves the running statistics.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    if run is None or not norms:
        yield network
        return
    before = [{name: value.clone() for name, value in n.named_buffers()} for n in norms]
    try:
        _gather(norms, run, network)
        for norm, values in zip(norms, before, strict=True):
            if not norm.num_batches_tracked:  # nothing was shown to it
                _put_back(norm, values)
        yield network
    finally:
        for norm, values in zip(norms, before, strict=True):
            _put_back(norm, values)


@torch.no_grad()
def _put_back(norm: _BatchNorm, values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        norm.get_buffer(name).copy_(value)


def _gather(norms: list[_BatchNorm], run: Run, network: nn.Module) -> None:
    """Every norm's mean over the calls of its batch statistics; all else evaluates."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over the calls
        norm.train()
    try:
        with torch.no_grad():
            run(network)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
