"""Antialiasing on the CPU: kernels that blend the pixel pairs of silhouette.py, their gradients to
colours and positions, and the autograd function around both.

A pair's blend t moves t (color_A - color_B) into B if t > 0, into A if t < 0. It is the cut of the
edge i, j with the line l of pixel centres, p = p_i + (l - l_i) / (l_j - l_i) (p_j - p_i), measured
from A, where p and l are the screen coordinates along and across the line.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ...core.jit import inline, kernel
from .checks import run_slices
from .functions import Context, view
from .silhouette import find_pairs_images
from .topology import Topology


@kernel
def blend_images(
    color: NDArray,
    pairs: NDArray,
    blends: NDArray,
    counts: NDArray,
    out: NDArray,
    first: int,
    last: int,
) -> None:
    """color (B,H*W,C) into out, pairs blended."""
    for b in range(first, last):
        out[b] = color[b]
        for n in range(counts[b]):
            near, far, blend = pairs[b, n, 2], pairs[b, n, 3], blends[b, n]
            target = far if blend > 0 else near
            for c in range(color.shape[2]):
                out[b, target, c] += blend * (color[b, near, c] - color[b, far, c])


@inline
def _screen(pos: NDArray, v: int, axis: int, size: int) -> float:
    """Pixel coordinate of vertex v: column for axis 0, row for axis 1."""
    ratio = pos[v, axis] / float(pos[v, 3])
    return (ratio * (1 - 2 * axis) + 1.0) * (0.5 * size) - 0.5


@inline
def _add_screen(grad: NDArray, pos: NDArray, v: int, axis: int, size: int, g: float) -> None:
    """Add the gradient g of a pixel coordinate of vertex v to its clip position."""
    w = float(pos[v, 3])
    g *= (1 - 2 * axis) * 0.5 * size / w
    grad[v, axis] += g
    grad[v, 3] -= g * pos[v, axis] / w


@inline
def _add_cut(grad: NDArray, pos: NDArray, pair: NDArray, height: int, width: int, g: float) -> None:
    """Add the gradient g of a pair's blend to both vertices of its edge."""
    i, j, near, far = pair[0], pair[1], pair[2], pair[3]
    same_row = near // width == far // width
    axis = 1 if same_row else 0
    line = near // width if same_row else near % width
    along, across = (width, height) if same_row else (height, width)
    li, lj = _screen(pos, i, axis, across), _screen(pos, j, axis, across)
    pi, pj = _screen(pos, i, 1 - axis, along), _screen(pos, j, 1 - axis, along)
    step, slope = (line - li) / (lj - li), (pj - pi) / (lj - li)
    if far < near:
        g = -g
    _add_screen(grad, pos, i, 1 - axis, along, g * (1 - step))
    _add_screen(grad, pos, j, 1 - axis, along, g * step)
    _add_screen(grad, pos, i, axis, across, -g * slope * (1 - step))
    _add_screen(grad, pos, j, axis, across, -g * slope * step)


@kernel
def blend_backward_images(
    color: NDArray,
    pos: NDArray,
    pairs: NDArray,
    blends: NDArray,
    counts: NDArray,
    grad_out: NDArray,
    shape: NDArray,
    grad_color: NDArray,
    grad_pos: NDArray,
    first: int,
    last: int,
) -> None:
    """Write d/d color (B,H*W,C) and, unless it has no vertices, d/d pos (B,V,4); shape: H, W."""
    for b in range(first, last):
        grad_color[b] = grad_out[b]
        grad_pos[b] = 0
        for n in range(counts[b]):
            near, far, blend = pairs[b, n, 2], pairs[b, n, 3], blends[b, n]
            target = far if blend > 0 else near
            g_blend = 0.0
            for c in range(color.shape[2]):
                g = grad_out[b, target, c]
                grad_color[b, near, c] += blend * g
                grad_color[b, far, c] -= blend * g
                g_blend += g * (color[b, near, c] - color[b, far, c])
            if grad_pos.shape[1] > 0 and g_blend != 0:
                _add_cut(grad_pos[b], pos[b], pairs[b, n], shape[0], shape[1], g_blend)


Pairs = tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]


def find_pairs(pos: Tensor, rast: Tensor, topology: Topology) -> Pairs:
    """The pairs, blends and counts of `find_pairs_images`, for pos (B,V,4), rast (B,H,W,4)."""
    batch, height, width = rast.shape[:3]
    tables = topology.tri, topology.neighbours, topology.edges
    room = 4 * (height + width)
    while True:
        pairs = np.empty((batch, room, 4), np.int32)
        blends = np.empty((batch, room), np.float32)
        counts = np.zeros(batch, np.int64)
        arrays = view(pos), *tables, view(rast), pairs, blends, counts
        run_slices(find_pairs_images, batch, *arrays)
        needed = int(counts.max(initial=0))
        if needed <= room:
            return pairs, blends, counts
        room = needed


def _flat(color: Tensor) -> tuple[int, int, int]:
    """(B,H*W,C) of (B,H,W,C)."""
    batch, height, width, channels = color.shape
    return batch, height * width, channels


class _PairContext(Context, Protocol):
    """Autograd's context, with what the forward half leaves for the backward half."""

    pairs: Pairs


class Antialias(Function):
    """(color, rast, pos, topology) -> blended colours."""

    @staticmethod
    def forward(
        ctx: _PairContext,
        color: Tensor,
        rast: Tensor,
        pos: Tensor,
        topology: Topology,
    ) -> Tensor:
        """Antialias a batch."""
        flat = view(color).reshape(_flat(color))
        ctx.pairs = find_pairs(pos, rast, topology)
        out = torch.empty(color.shape)
        run_slices(blend_images, len(flat), flat, *ctx.pairs, out.numpy().reshape(flat.shape))
        ctx.save_for_backward(color, pos)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: _PairContext, grad: Tensor) -> tuple[Tensor, None, Tensor | None, None]:
        """Gradients to the colours and the positions."""
        color, pos = ctx.saved_tensors
        flat = _flat(color)
        grad_color = torch.empty(color.shape)
        grad_pos = torch.empty(pos.shape if ctx.needs_input_grad[2] else (pos.shape[0], 0, 4))
        run_slices(
            blend_backward_images,
            color.shape[0],
            view(color).reshape(flat),
            view(pos),
            *ctx.pairs,
            view(grad).reshape(flat),
            np.array(color.shape[1:3]),
            grad_color.numpy().reshape(flat),
            grad_pos.numpy(),
        )
        return grad_color, None, grad_pos if ctx.needs_input_grad[2] else None, None
