"""State of a run put into networks and optimisers that code has changed since, by name."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ..core.errors import InputError

_LEAST = 0.5  # of a network's tensors that a checkpoint must hold to be one of it
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def fill_network(
    network: nn.Module, state: Mapping[str, Tensor], folder: Path, quiet: bool = False
) -> None:
    """Put tensors of the same name back; others stay as they are, and are told on stderr.

    So a run goes on with a head that it did not begin with, or without one that it had.

    Args:
        network: to be filled.
        state: of the network as it was.
        folder: whose checkpoints these are, for messages.
        quiet: say nothing of tensors that begin anew or are left out.

    Raises:
        InputError: a tensor has another shape, or most of the network's are missing.
    """
    own = network.state_dict()
    common = [name for name in own if name in state]
    wrong = [name for name in common if own[name].shape != state[name].shape]
    if wrong or len(common) < _LEAST * len(own):
        name = wrong[0] if wrong else ""
        got = (
            f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
            if wrong
            else (f"{len(common)} of {len(own)} tensors")
        )
        raise refused(folder, got)
    if not quiet:
        _tell("begin anew", [name for name in own if name not in state])
        _tell("are left out", [name for name in state if name not in own])
    network.load_state_dict({**own, **{name: state[name] for name in common}})


def optimizer_names(network: nn.Module) -> list[str]:
    """Names of the trained parameters in the order in which `make_optimizer` takes them."""
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    matrices = [name for name, parameter in trained.items() if parameter.ndim > 1]
    return matrices + [name for name, parameter in trained.items() if parameter.ndim <= 1]


def fill_optimizer(
    network: nn.Module,
    optimizer: Optimizer,
    state: Mapping[str, Any],
    names: Sequence[str],
    folder: Path,
) -> None:
    """Put moments back to the parameters of the same names; others begin without.

    Args:
        network: whose parameters are optimised.
        optimizer: to be filled.
        state: an optimiser's state.
        names: of its parameters in order, as `optimizer_names`.
        folder: for messages.

    Raises:
        InputError: another kind of optimiser, or names that do not fit the state.
    """
    groups = state["param_groups"]
    if len(groups) != len(optimizer.param_groups) or len(names) != sum(
        len(group["params"]) for group in groups
    ):
        raise refused(folder, "an optimiser of other parameters")
    before = dict(zip(names, _indices(groups), strict=True))
    kept = {
        k: state["state"][before[name]]
        for k, name in enumerate(optimizer_names(network))
        if name in before and before[name] in state["state"]
    }
    fresh = optimizer.state_dict()["param_groups"]
    merged = [
        {**new, **old, "params": new["params"]} for new, old in zip(fresh, groups, strict=True)
    ]
    optimizer.load_state_dict({"state": kept, "param_groups": merged})


def names_of_old(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """The optimiser's order of checkpoints that do not tell it.

    The network's own where these are its tensors; else all parameters were trained, if any were.
    """
    if set(state) == set(network.state_dict()):
        return optimizer_names(network)
    names = [name for name in state if name.rpartition(".")[2] not in _STATISTICS]
    matrices = [name for name in names if state[name].ndim > 1]
    return matrices + [name for name in names if state[name].ndim <= 1]


def refused(folder: Path, got: str) -> InputError:
    """The error of checkpoints that belong to something else."""
    remedy = "Name another output folder, or delete this one."
    return InputError(str(folder), "checkpoints of this recipe", got, remedy)


def _indices(groups: Sequence[Mapping[str, Any]]) -> list[int]:
    return [index for group in groups for index in group["params"]]


def _tell(what: str, names: Sequence[str]) -> None:
    if names:
        print(f"{', '.join(names)} {what}", file=sys.stderr, flush=True)
