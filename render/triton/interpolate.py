"""Vertex attributes at the pixels and their gradients, in Triton.

One program takes a block of pixels, channel by channel. Gradients to attributes are added up by
atomics, so their last bits depend on the order of threads.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .buffer import BLOCK, corner_of


class Interpolate(Function):
    """(attr, raster buffer, tri) -> values (B,H,W,A)."""

    @staticmethod
    def forward(ctx: Any, attr: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        """Interpolate a batch; all tensors contiguous, at least one triangle and channel."""
        count, channels = rast[..., 0].numel(), attr.shape[2]
        shared = len(attr) == 1
        ctx.sizes = len(tri), 0 if shared else attr[0].numel(), rast[0, ..., 0].numel(), count
        ctx.save_for_backward(attr, rast, tri)
        out = torch.empty(*rast.shape[:3], channels, device=attr.device)
        grid = (triton.cdiv(count, BLOCK),)
        _interpolate[grid](attr, rast, tri, out, *ctx.sizes, channels, BLOCK=BLOCK)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients to the attributes and the raster buffer."""
        attr, rast, tri = ctx.saved_tensors
        grad_attr, grad_rast = torch.zeros_like(attr), torch.empty_like(rast)
        arguments = attr, rast, tri, grad.contiguous(), grad_attr, grad_rast
        grid = (triton.cdiv(ctx.sizes[-1], BLOCK),)
        _interpolate_backward[grid](*arguments, *ctx.sizes, attr.shape[2], BLOCK=BLOCK)
        return grad_attr, grad_rast, None


@triton.jit
def _pixels(rast, tri, triangles, pixels, BLOCK: tl.constexpr):
    """A block of pixels, which are in the batch, which see a triangle, its vertices, and u, v."""
    pixel = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < pixels
    t = tl.load(rast + 4 * pixel + 3, mask=inside, other=0.0).to(tl.int64) - 1
    hit = (t >= 0) & (t < triangles)
    u = tl.load(rast + 4 * pixel, mask=hit, other=0.0)
    v = tl.load(rast + 4 * pixel + 1, mask=hit, other=0.0)
    vi, vj, vk = corner_of(tri, t, 0, hit), corner_of(tri, t, 1, hit), corner_of(tri, t, 2, hit)
    return pixel, inside, hit, vi, vj, vk, u, v


@triton.jit
def _interpolate(
    attr,
    rast,
    tri,
    out,
    triangles,
    stride,
    image,
    pixels,
    channels,
    BLOCK: tl.constexpr,
):
    """`stride` numbers from one image's attributes to the next one's, `image` pixels each."""
    pixel, inside, hit, vi, vj, vk, u, v = _pixels(rast, tri, triangles, pixels, BLOCK)
    values = attr + pixel // image * stride
    for c in range(channels):
        first = tl.load(values + vi * channels + c, mask=hit, other=0.0)
        second = tl.load(values + vj * channels + c, mask=hit, other=0.0)
        third = tl.load(values + vk * channels + c, mask=hit, other=0.0)
        mixed = u * first + v * second + (1 - u - v) * third
        tl.store(out + pixel * channels + c, mixed, mask=inside)


@triton.jit
def _interpolate_backward(
    attr, rast, tri, grad_out, grad_attr, grad_rast,
    triangles, stride, image, pixels, channels, BLOCK: tl.constexpr,
):  # fmt: skip
    """d/d attr, d/d (u, v); nothing flows to depth and triangle."""
    pixel, inside, hit, vi, vj, vk, u, v = _pixels(rast, tri, triangles, pixels, BLOCK)
    values, grad = attr + pixel // image * stride, grad_attr + pixel // image * stride
    gu, gv = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for c in range(channels):
        g = tl.load(grad_out + pixel * channels + c, mask=hit, other=0.0)
        first = tl.load(values + vi * channels + c, mask=hit, other=0.0)
        second = tl.load(values + vj * channels + c, mask=hit, other=0.0)
        third = tl.load(values + vk * channels + c, mask=hit, other=0.0)
        gu += g * (first - third)
        gv += g * (second - third)
        tl.atomic_add(grad + vi * channels + c, u * g, mask=hit)
        tl.atomic_add(grad + vj * channels + c, v * g, mask=hit)
        tl.atomic_add(grad + vk * channels + c, (1 - u - v) * g, mask=hit)
    nothing = tl.zeros((BLOCK,), tl.float32)
    tl.store(grad_rast + 4 * pixel, gu, mask=inside)
    tl.store(grad_rast + 4 * pixel + 1, gv, mask=inside)
    tl.store(grad_rast + 4 * pixel + 2, nothing, mask=inside)
    tl.store(grad_rast + 4 * pixel + 3, nothing, mask=inside)
