"""What back ends on any device demand of their arguments."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.tensor_cache import TensorCache, index_range
from .cpu.checks import MAX_TRIANGLES

_INDEX_RANGE = TensorCache(index_range)


def check_on_device(
    name: str,
    tensor: Tensor,
    shape: tuple[int | None, ...],
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Raise InputError unless `tensor` has this shape (None: any size), dtype and device."""
    actual = tuple(tensor.shape)
    if len(actual) != len(shape) or any(
        wanted not in (None, size) for wanted, size in zip(shape, actual, strict=True)
    ):
        wanted_shape = ", ".join("any" if size is None else str(size) for size in shape)
        raise InputError(name, f"shape ({wanted_shape})", f"shape {actual}")
    if tensor.dtype != dtype:
        raise InputError(name, str(dtype), str(tensor.dtype), f"Convert it with .to({dtype}).")
    if tensor.device != device:
        raise InputError(
            name, f"a tensor on {device}", f"one on {tensor.device}", "Move it with .to(device)."
        )


def check_triangles(tri: Tensor, vertices: int, name: str, device: torch.device) -> None:
    """Raise InputError unless `tri` is (T,3) int32 with indices of the array called `name`.

    The indices are read once per tensor: that waits for a GPU.
    """
    check_on_device("tri", tri, (None, 3), device=device, dtype=torch.int32)
    if tri.shape[0] > MAX_TRIANGLES:
        raise InputError("tri", f"at most {MAX_TRIANGLES} triangles", f"{tri.shape[0]}")
    if not tri.numel():
        return
    lowest, highest = _INDEX_RANGE(tri)
    if lowest < 0 or highest >= vertices:
        got = f"indices in {lowest}..{highest}"
        raise InputError("tri", f"indices in 0..{vertices - 1} of {name}", got)
