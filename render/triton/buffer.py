"""The raster buffer of known visibility and its gradient to positions, in Triton.

With a_i = (x_i - f_x w_i, y_i - f_y w_i), the edge functions e_0 = a_1 x a_2, e_1 = a_2 x a_0,
e_2 = a_0 x a_1 over their sum are the perspective-correct barycentrics (Olano and Greer 1997), and
z/w = (sum b_i z_i) / (sum b_i w_i). The backward half is the derivative of just this, as in
render/cpu/raster_backward.py; sums over pixels depend on the order of threads in the last bits.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .visibility import EMPTY, visible_keys

BLOCK = 128


class Rasterize(Function):
    """(pos, tri, (H, W)) -> raster buffer (B,H,W,4)."""

    @staticmethod
    def forward(ctx: Any, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        """Rasterize a batch; all tensors contiguous, at least one triangle."""
        keys = visible_keys(pos, tri, resolution)
        out = torch.empty(*keys.shape, 4, device=pos.device)
        ctx.sizes = pos.shape[1], *resolution, keys.numel()
        _resolve[_grid(keys.numel())](pos, tri, keys, out, *ctx.sizes, BLOCK=BLOCK)
        ctx.save_for_backward(pos, tri, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Gradient to the positions."""
        pos, tri, out = ctx.saved_tensors
        grad_pos = torch.zeros_like(pos)
        arguments = pos, tri, out, grad.contiguous(), grad_pos
        _resolve_backward[_grid(ctx.sizes[-1])](*arguments, *ctx.sizes, BLOCK=BLOCK)
        return grad_pos, None, None


def _grid(pixels: int) -> tuple[int]:
    return (triton.cdiv(pixels, BLOCK),)


@triton.jit
def corner_of(tri, t, corner, hit):
    """The vertex at one corner of triangles, int64."""
    return tl.load(tri + 3 * t + corner, mask=hit, other=0).to(tl.int64)


@triton.jit
def _relative(pos, vertex, fx, fy, hit):
    """A vertex relative to pixel centres, and its z and w, in float64."""
    place = pos + 4 * vertex
    x = tl.load(place, mask=hit, other=0.0).to(tl.float64)
    y = tl.load(place + 1, mask=hit, other=0.0).to(tl.float64)
    z = tl.load(place + 2, mask=hit, other=0.0).to(tl.float64)
    w = tl.load(place + 3, mask=hit, other=1.0).to(tl.float64)
    return x - fx * w, y - fy * w, z, w


@triton.jit
def _centres(pixel, height, width):
    """Normalized coordinates of the centres of flat pixels of a batch."""
    row, column = (pixel // width) % height, pixel % width
    fx = (2 * column + 1).to(tl.float64) / width - 1.0
    return fx, 1.0 - (2 * row + 1).to(tl.float64) / height


@triton.jit
def _resolve(pos, tri, keys, out, vertices, height, width, pixels, BLOCK: tl.constexpr):
    """Barycentrics and depth of the triangles that the keys name."""
    pixel = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < pixels
    key = tl.load(keys + pixel, mask=inside, other=EMPTY)
    hit = key != EMPTY
    t = tl.where(hit, key & 0xFFFFFFFF, 0)
    fx, fy = _centres(pixel, height, width)
    points = pos + pixel // (height * width) * vertices * 4
    xi, yi, zi, wi = _relative(points, corner_of(tri, t, 0, hit), fx, fy, hit)
    xj, yj, zj, wj = _relative(points, corner_of(tri, t, 1, hit), fx, fy, hit)
    xk, yk, zk, wk = _relative(points, corner_of(tri, t, 2, hit), fx, fy, hit)
    ei, ej, ek = xj * yk - yj * xk, xk * yi - yk * xi, xi * yj - yi * xj
    total = ei + ej + ek
    total = tl.where(hit & (total != 0), total, 1.0)
    w = ei * wi + ej * wj + ek * wk
    z = (ei * zi + ej * zj + ek * zk) / tl.where(w == 0, 1.0, w)
    place = out + 4 * pixel
    tl.store(place, tl.where(hit, ei / total, 0.0).to(tl.float32), mask=inside)
    tl.store(place + 1, tl.where(hit, ej / total, 0.0).to(tl.float32), mask=inside)
    tl.store(place + 2, tl.where(hit, z, 0.0).to(tl.float32), mask=inside)
    tl.store(place + 3, tl.where(hit, t + 1, 0).to(tl.float32), mask=inside)


@triton.jit
def _add(grad, vertex, gx, gy, gz, gw, hit):
    """Add a gradient to vertices."""
    place = grad + 4 * vertex
    tl.atomic_add(place, gx.to(tl.float32), mask=hit)
    tl.atomic_add(place + 1, gy.to(tl.float32), mask=hit)
    tl.atomic_add(place + 2, gz.to(tl.float32), mask=hit)
    tl.atomic_add(place + 3, gw.to(tl.float32), mask=hit)


@triton.jit
def _resolve_backward(
    pos,
    tri,
    out,
    grad_out,
    grad_pos,
    vertices,
    height,
    width,
    pixels,
    BLOCK: tl.constexpr,
):
    """d/d pos, given d/d (u, v, z/w)."""
    pixel = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < pixels
    t = tl.load(out + 4 * pixel + 3, mask=inside, other=0.0).to(tl.int64) - 1
    gu = tl.load(grad_out + 4 * pixel, mask=inside, other=0.0).to(tl.float64)
    gv = tl.load(grad_out + 4 * pixel + 1, mask=inside, other=0.0).to(tl.float64)
    gd = tl.load(grad_out + 4 * pixel + 2, mask=inside, other=0.0).to(tl.float64)
    hit = (t >= 0) & ((gu != 0) | (gv != 0) | (gd != 0))
    fx, fy = _centres(pixel, height, width)
    first = pixel // (height * width) * vertices * 4
    points, grad = pos + first, grad_pos + first
    vi, vj, vk = corner_of(tri, t, 0, hit), corner_of(tri, t, 1, hit), corner_of(tri, t, 2, hit)
    xi, yi, zi, wi = _relative(points, vi, fx, fy, hit)
    xj, yj, zj, wj = _relative(points, vj, fx, fy, hit)
    xk, yk, zk, wk = _relative(points, vk, fx, fy, hit)
    ei, ej, ek = xj * yk - yj * xk, xk * yi - yk * xi, xi * yj - yi * xj
    total = ei + ej + ek
    # A triangle seen edge-on has no gradient.
    inverse = tl.where(total != 0, 1.0 / tl.where(total != 0, total, 1.0), 0.0)
    bi, bj, bk = ei * inverse, ej * inverse, ek * inverse
    w = bi * wi + bj * wj + bk * wk
    dz = tl.where(w != 0, 1.0 / tl.where(w != 0, w, 1.0), 0.0)
    dw = -(bi * zi + bj * zj + bk * zk) * dz * dz * gd
    dz *= gd
    gi, gj, gk = gu + dz * zi + dw * wi, gv + dz * zj + dw * wj, dz * zk + dw * wk
    mean = gi * bi + gj * bj + gk * bk
    gi, gj, gk = (gi - mean) * inverse, (gj - mean) * inverse, (gk - mean) * inverse
    gx, gy = gk * yj - gj * yk, gj * xk - gk * xj
    _add(grad, vi, gx, gy, bi * dz, bi * dw - fx * gx - fy * gy, hit)
    gx, gy = gi * yk - gk * yi, gk * xi - gi * xk
    _add(grad, vj, gx, gy, bj * dz, bj * dw - fx * gx - fy * gy, hit)
    gx, gy = gj * yi - gi * yj, gi * xj - gj * xi
    _add(grad, vk, gx, gy, bk * dz, bk * dw - fx * gx - fy * gy, hit)
