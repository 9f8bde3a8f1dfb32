"""The autograd function of antialias, around the kernels of silhouette.py and blend.py."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .blend import blend_backward_images, blend_images
from .functions import Context, view
from .silhouette import find_pairs_images
from .threads import run_slices
from .topology import Topology

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
