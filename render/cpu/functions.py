"""Autograd functions around the kernels of rasterize, interpolate and texture."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .checks import run_slices
from .interpolate import (
    interpolate_backward_stripes,
    interpolate_images,
    texture_backward_stripes,
    texture_images,
)
from .raster import rasterize_images
from .raster_backward import rasterize_backward_images
from .topology import Topology

STRIPES = 4
"""The gradient of something shared by a batch is summed in this many parts.

A fixed number, so that the result does not depend on the number of threads.
"""


class Context(Protocol):
    """What autograd passes to both halves of a function."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    tri: NDArray[Any]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors for the backward half, which fails if they were changed in place."""


def view(tensor: Tensor) -> NDArray[Any]:
    """The tensor's memory as a C-contiguous array; a copy only if it is not contiguous."""
    return tensor.detach().contiguous().numpy()


def _stripe_buffer(shared: Tensor, batch: int, wanted: bool) -> Tensor:
    """Empty partial gradients: one per image, or `STRIPES` where `shared` serves all images."""
    stripes = batch if shared.shape[0] == batch else min(STRIPES, batch)
    if not wanted:
        return torch.empty(stripes, *[0] * (shared.dim() - 1))
    return torch.empty(stripes, *shared.shape[1:])


def _sum_stripes(parts: Tensor, shared: Tensor) -> Tensor:
    if parts.shape[0] == shared.shape[0]:
        return parts
    total = torch.zeros_like(shared)
    for part in parts:
        total += part
    return total


class Rasterize(Function):
    """(pos, topology, (H, W)) -> rast; see raster.py and raster_backward.py."""

    @staticmethod
    def forward(
        ctx: Context, pos: Tensor, topology: Topology, resolution: tuple[int, int]
    ) -> Tensor:
        """Rasterize a batch."""
        ctx.tri = topology.tri
        out = torch.empty(pos.shape[0], *resolution, 4)
        run_slices(rasterize_images, pos.shape[0], view(pos), ctx.tri, out.numpy())
        ctx.save_for_backward(pos, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor, None, None]:
        """Gradient to the positions."""
        pos, rast = ctx.saved_tensors
        grad_pos = torch.empty(pos.shape)
        arrays = view(pos), ctx.tri, view(rast), view(grad), grad_pos.numpy()
        run_slices(rasterize_backward_images, pos.shape[0], *arrays)
        return grad_pos, None, None


class Interpolate(Function):
    """(attr, rast, topology) -> values; see interpolate.py."""

    @staticmethod
    def forward(ctx: Context, attr: Tensor, rast: Tensor, topology: Topology) -> Tensor:
        """Interpolate a batch."""
        ctx.tri = topology.tri
        out = torch.empty(*rast.shape[:3], attr.shape[2])
        run_slices(interpolate_images, rast.shape[0], view(attr), view(rast), ctx.tri, out.numpy())
        ctx.save_for_backward(attr, rast)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Gradients to the attributes and the raster buffer."""
        attr, rast = ctx.saved_tensors
        want_attr, want_rast, _ = ctx.needs_input_grad
        parts = _stripe_buffer(attr, rast.shape[0], want_attr)
        grad_rast = torch.empty(rast.shape if want_rast else (rast.shape[0], 0, 0, 4))
        arrays = view(attr), view(rast), ctx.tri, view(grad), parts.numpy(), grad_rast.numpy()
        run_slices(interpolate_backward_stripes, parts.shape[0], *arrays)
        grad_attr = _sum_stripes(parts, attr) if want_attr else None
        return grad_attr, grad_rast if want_rast else None, None


class Texture(Function):
    """(tex, uv) -> colours; see interpolate.py."""

    @staticmethod
    def forward(ctx: Context, tex: Tensor, uv: Tensor) -> Tensor:
        """Sample a batch."""
        out = torch.empty(*uv.shape[:3], tex.shape[3])
        run_slices(texture_images, uv.shape[0], view(tex), view(uv), out.numpy())
        ctx.save_for_backward(tex, uv)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Gradients to the texture and the coordinates."""
        tex, uv = ctx.saved_tensors
        want_tex, want_uv = ctx.needs_input_grad
        parts = _stripe_buffer(tex, uv.shape[0], want_tex)
        grad_uv = torch.empty(uv.shape if want_uv else (uv.shape[0], 0, 0, 2))
        arrays = view(tex), view(uv), view(grad), parts.numpy(), grad_uv.numpy()
        run_slices(texture_backward_stripes, parts.shape[0], *arrays)
        return _sum_stripes(parts, tex) if want_tex else None, grad_uv if want_uv else None
