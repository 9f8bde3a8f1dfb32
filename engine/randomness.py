"""The state of every random number generator of a process."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from ..datasets.seeds import derived_seed


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
