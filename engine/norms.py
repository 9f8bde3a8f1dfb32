"""Statistics of batch normalisation that belong to the weights as they are.

The running ones follow by a tenth a step. While weights change quickly, means of features move by
several deviations a step, and what one norm is off by the next ones multiply: a network of fifty
norms without shortcuts can give errors of 1e6 % in evaluation that are 30 % in training. So the
statistics are gathered anew, by the weights that are judged and written (Wu and Johnson 2021,
"Rethinking Batch in BatchNorm", section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Run = Callable[[nn.Module], object]
"""Calls a network on some training batches."""


@contextmanager
def exact_norms(network: nn.Module, run: Run | None) -> Iterator[nn.Module]:
    """The network with its norms' statistics over what `run` shows it; afterwards as it was.

    Args:
        network: evaluating. run: None leaves the running statistics.
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
