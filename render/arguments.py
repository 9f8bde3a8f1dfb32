"""What back ends on any device demand of their arguments."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.tensor_cache import TensorCache, index_range
from .cpu.checks import MAX_TRIANGLES, check_batch, check_resolution, check_texels

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


def check_rasterize(pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> None:
    """Raise InputError unless these are arguments of `Rasterizer.rasterize`, on one device."""
    check_on_device("pos", pos, (None, None, 4), device=pos.device)
    check_resolution(resolution)
    check_triangles(tri, pos.shape[1], "pos", pos.device)


def check_interpolate(attr: Tensor, rast: Tensor, tri: Tensor) -> None:
    """Raise InputError unless these are those of `Rasterizer.interpolate`; rast is the buffer."""
    check_on_device("attr", attr, (None, None, None), device=rast.device)
    check_on_device("fragments", rast, (None, None, None, 4), device=rast.device)
    check_batch("attr", attr, rast.shape[0])
    check_triangles(tri, attr.shape[1], "attr", rast.device)


def check_texture(tex: Tensor, uv: Tensor) -> None:
    """Raise InputError unless these are arguments of `Rasterizer.texture`, on one device."""
    check_on_device("tex", tex, (None, None, None, None), device=uv.device)
    check_on_device("uv", uv, (None, None, None, 2), device=uv.device)
    check_batch("tex", tex, uv.shape[0])
    check_texels(tex)


def check_antialias(color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor) -> None:
    """Raise InputError unless these are those of `Rasterizer.antialias`; rast is the buffer."""
    check_on_device("fragments", rast, (None, None, None, 4), device=rast.device)
    check_on_device("color", color, (*rast.shape[:3], None), device=rast.device)
    check_on_device("pos", pos, (rast.shape[0], None, 4), device=rast.device)
    check_triangles(tri, pos.shape[1], "pos", rast.device)
