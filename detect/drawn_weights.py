"""The file of our own detector's weights: safetensors, matrices in half precision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import InputError, MissingFileError
from ..core.plain_facts import without_folders
from ..core.seal import CHECKSUM, UNSEALED, check_seal, sealed
from .drawn_network import FaceFinder, FinderOptions

FORMAT = "selfie3d-detector-1"
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "detector.safetensors"
_COUNTER = "num_batches_tracked"
_DAMAGED = (OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError, OverflowError)


def pack_finder(network: nn.Module, options: FinderOptions, facts: Mapping[str, Any]) -> bytes:
    """A weights file.

    Args:
        network: a `FaceFinder`. options: what it was built with.
        facts: plain values that JSON can hold; of paths in them only the last names are written.
    """
    from safetensors.torch import save

    state = {
        name: value.half() if value.ndim > 1 else value.float()
        for name, value in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    header = {
        "format": FORMAT,
        "options": json.dumps(asdict(options)),
        "facts": json.dumps(without_folders(facts)),
        CHECKSUM: UNSEALED,
    }
    return sealed(save({k: v.contiguous().cpu() for k, v in state.items()}, header))


def load_finder(path: Path = SHIPPED) -> tuple[FaceFinder, dict[str, Any]]:
    """The network of a weights file in evaluation mode, float32, and the facts of its header.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is damaged, or written by something else.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise MissingFileError(str(path), "The detector's weights", "Train them, or use 'mtcnn'.")
    check_seal(path, "weights of a detector")
    try:
        with safe_open(str(path), "pt") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise InputError(str(path), f"weights of a detector ({FORMAT})",
                             str(header.get("format")))  # fmt: skip
        told = json.loads(header["options"])
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
        with torch.device("meta"):  # options of a stranger take no memory
            sketch = FaceFinder(FinderOptions(**sizes)).state_dict()
        _check_shapes(path, {k: v for k, v in sketch.items() if not k.endswith(_COUNTER)}, state)
        network = FaceFinder(FinderOptions(**sizes))
        network.load_state_dict(state, strict=False)
        missing = {name for name, _ in network.named_parameters()} - set(state)
        facts = json.loads(header.get("facts", "{}"))
    except InputError:
        raise
    except Exception as error:
        if not isinstance(error, _DAMAGED) and type(error).__name__ != "SafetensorError":
            raise
        raise InputError(str(path), "weights of a detector", f"a damaged file ({error})") from error
    finite = all(bool(torch.isfinite(value).all()) for value in state.values())
    if missing or not finite:
        raise InputError(str(path), "weights of a detector", "tensors that are missing or odd")
    return network.eval(), facts


def _check_shapes(
    path: Path, wanted: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> None:
    """Compare the tensors of a file with those of the network that its options describe."""
    other = [k for k in {*wanted, *state} if k not in wanted or k not in state]
    other += [k for k in set(wanted) & set(state) if wanted[k].shape != state[k].shape]
    if other:
        names = ", ".join(sorted(other)[:3])
        raise InputError(str(path), "the tensors that its options describe", f"others ({names})")
