"""The network that a weights file speaks of, built only where the file has its tensors.

A header of a few bytes can ask for a network of any size: its options are bounded, and a sketch of
it without storage is compared with the file's tensors before memory is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError, Selfie3dError
from ..core.sketch import sketching
from .network import Network
from .registry import NETWORKS

_LARGEST = 1_000_000  # of an option: outputs, channels
_LARGEST_SIDE = 4_096  # pixels of a network's input
_LARGEST_ITEM = 4_096  # of a list in the options: channels, blocks
_SHAPES = ("bases",)  # lists of tensors' sizes, which are compared with the file before use
_LONGEST = 64  # items of such a list
_FILES = ("imagenet",)  # options that name files: they were read when the network was trained
_COUNTER = "num_batches_tracked"
_DAMAGED = (
    TypeError,
    ValueError,
    RuntimeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    MemoryError,
    RecursionError,
)


def network_of(
    path: Path, name: str, options: Mapping[str, Any], state: Mapping[str, Tensor]
) -> Network:
    """The network with its weights, in evaluation mode and float32.

    Args:
        path: of the file, for messages.
        name: in `NETWORKS`.
        options: what it was built with.
        state: its tensors.

    Raises:
        UnknownNameError: no such network or option.
        InputError: options that no network has, or other tensors than it has.
    """
    _check_options(path, options)
    with reading_part(f"{path}: options", f"options of the network {name}"):
        with sketching():
            sketch = NETWORKS.create(name, **options)
        _check_tensors(path, name, sketch.state_dict(), state)
        network = NETWORKS.create(name, **options)
    network.load_state_dict({key: _float(value) for key, value in state.items()}, strict=False)
    return network.eval()


@contextmanager
def reading_part(label: str, expected: str) -> Iterator[None]:
    """Name the part of a file that is not what it should be; our own errors come through.

    Raises:
        InputError: in place of whatever Python or torch raised.
    """
    try:
        yield
    except Selfie3dError:
        raise
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(label, expected, f"others ({reason})", "Train it anew.") from error


def _check_options(path: Path, options: Mapping[str, Any]) -> None:
    for key, value in options.items():
        label = f"{path}: options: {key}"
        if key in _FILES and value:
            raise InputError(label, "no file to read", repr(value)[:80])
        items = value if isinstance(value, list) else [value]
        listed = isinstance(value, list) and key not in _SHAPES
        most = _LARGEST_ITEM if listed else _LARGEST
        most = _LARGEST_SIDE if key == "size" else most
        plain = all(isinstance(item, int | float | str) for item in items)
        if not plain or len(items) > _LONGEST:
            raise InputError(label, f"a plain value or up to {_LONGEST} of them", repr(value)[:80])
        if not all(isinstance(item, str) or abs(item) <= most for item in items):
            raise InputError(label, f"numbers up to {most:,}", repr(value)[:80])


def _check_tensors(
    path: Path, name: str, wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> None:
    expected = f"the tensors of {name}"
    missing = [key for key in wanted if key not in state and not key.endswith(_COUNTER)]
    unexpected = [key for key in state if key not in wanted]
    if missing or unexpected:
        raise InputError(str(path), expected, f"without {missing[:5]}, with {unexpected[:5]}")
    for key, value in state.items():
        other = wanted[key]
        if value.shape != other.shape:
            got = f"{key} of shape {tuple(value.shape)} instead of {tuple(other.shape)}"
            raise InputError(str(path), expected, got)
        if value.is_floating_point() != other.is_floating_point() or value.is_complex():
            raise InputError(f"{path}: {key}", str(other.dtype), str(value.dtype))
        if value.is_floating_point() and not bool(torch.isfinite(_float(value)).all()):
            raise InputError(f"{path}: {key}", "finite numbers", "NaN or infinity")


def _float(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value
