"""Reading other people's PyTorch weights: tensors only, by name, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..core.errors import InputError, MissingFileError
from .torch_file import load_torch

Network = TypeVar("Network", bound=nn.Module)
_SHOWN = 3


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name out of a .pth file; no other Python object in it is run.

    A dictionary under `state_dict` is taken out of its checkpoint, and the `module.` that
    DataParallel puts before every name is dropped.

    Args:
        path: of the file.

    Raises:
        MissingFileError: no such file.
        InputError: it is damaged, or holds no tensors by name.
    """
    file = Path(path)
    if not file.exists():
        raise MissingFileError(str(file), "The weights file", "Check the path.")
    content = load_torch(file, "a PyTorch file of tensors")
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise InputError(str(file), "tensors by name", type(content).__name__)
    if not all(isinstance(value, Tensor) for value in content.values()):
        other = next(key for key, value in content.items() if not isinstance(value, Tensor))
        raise InputError(str(file), "tensors by name", f"something else as {other!r}")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def load_state(network: Network, state: Mapping[str, Tensor], path: str | Path) -> Network:
    """Give a network its tensors, float32, and set it to evaluation; every name must fit.

    Batch norms' counters of batches, which old files lack, may be absent.

    Args:
        network: may be on the "meta" device, without storage.
        state: tensors by name, as from `read_state`.
        path: of the file that they are from, for messages.

    Returns:
        The same network, which no longer learns.

    Raises:
        InputError: names are missing or left over, or a tensor has another shape.
    """
    wanted = network.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(state) - counters)
    unexpected = sorted(set(state) - set(wanted))
    wrong = sorted(k for k in set(state) & set(wanted) if state[k].shape != wanted[k].shape)
    problems = [("missing", missing), ("left over", unexpected), ("of another shape", wrong)]
    texts = [f"{len(keys)} {what} ({_some(keys)})" for what, keys in problems if keys]
    if texts:
        expected = f"the {len(wanted)} tensors of {type(network).__name__}"
        raise InputError(str(path), expected, "; ".join(texts))
    full = {key: torch.zeros((), dtype=torch.long) for key in counters} | {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }
    network.load_state_dict(full, assign=True)
    return network.eval().requires_grad_(False)


def count_children(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules, `prefix`.0, `prefix`.1, ..., a state names."""
    parts = (key.split(".") for key in state if key.startswith(f"{prefix}."))
    return len({part[1] for part in parts if part[1].isdigit()})


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
