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
from ..core.seal import CHECKSUM, UNSEALED, check_seal, sealed
from .drawn_network import FaceFinder, FinderOptions

FORMAT = "selfie3d-detector-1"
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "detector.safetensors"
_DAMAGED = (OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError, OverflowError)
_PATHS = ("output", "train", "validation", "hdri")  # settings of which only names are told


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
        if not name.endswith("num_batches_tracked")
    }
    header = {
        "format": FORMAT,
        "options": json.dumps(asdict(options)),
        "facts": json.dumps(_without_folders(dict(facts))),
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


def _without_folders(value: Any, name: str = "") -> Any:  # noqa: ANN401
    """The facts with names alone where they tell folders."""
    if isinstance(value, dict):
        return {k: _without_folders(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_folders(v, name) for v in value]
    return Path(value).name if name in _PATHS and isinstance(value, str) else value
