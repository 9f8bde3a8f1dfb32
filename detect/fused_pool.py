"""MTCNN's PReLU and the pooling after it in one pass over memory, with the same answers.

With channels last in memory and the library's odd numbers of them, either of torch's two takes as
long as the convolution before.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.jit import kernel

Array = NDArray[Any]
_STEP = 2


class PooledPrelu(nn.Module):
    """A PReLU and a pooling by maxima, one after the other, for inference.

    Args:
        activation: with a slope for each channel.
        side: of the windows, which stand two pixels apart; the last may stick out.
    """

    def __init__(self, activation: nn.PReLU, side: int) -> None:
        super().__init__()
        self._slopes, self._side = activation.weight.detach().numpy(), side

    def forward(self, x: Tensor) -> Tensor:
        """Values (N,C,H,W) of at least `side` pixels to (N,C,h,w), channels last in memory."""
        count, channels, height, width = x.shape
        size = [-((self._side - extent) // _STEP) + 1 for extent in (height, width)]
        out = np.empty((count, *size, channels), np.float32)
        rows = x.detach().permute(0, 2, 3, 1).contiguous().numpy().reshape(count, height, -1)
        pool_activated(rows, np.tile(self._slopes, width), self._side, out)
        return torch.from_numpy(out).permute(0, 3, 1, 2)


def fuse_pools(network: nn.Module) -> nn.Module:
    """The same network, in place, its PReLUs joined with the poolings that follow them.

    Args:
        network: whose modules stand in the order in which they are used.
    """
    parts = list(network.named_children())
    for (name, part), (next_name, after) in pairwise(parts):
        if isinstance(part, nn.PReLU) and isinstance(after, nn.MaxPool2d):
            side = after.kernel_size
            setattr(network, name, PooledPrelu(part, side if isinstance(side, int) else side[0]))
            setattr(network, next_name, nn.Identity())
    return network


@kernel
def pool_activated(rows: Array, slopes: Array, side: int, out: Array) -> None:
    """Maxima over windows two pixels apart, cut off at the border, of what PReLUs give.

    Args:
        rows: (N,H,W C) float32, channels last.
        slopes: (W C,) float32 of negative values.
        side: of the windows.
        out: (N,h,w,C) float32, no window of which begins beyond the border.
    """
    height, length, channels = rows.shape[1], rows.shape[2], out.shape[3]
    line = np.empty(length, np.float32)
    for n in range(out.shape[0]):
        for row in range(out.shape[1]):
            line[:] = -np.inf
            for y in range(2 * row, min(2 * row + side, height)):
                given = rows[n, y]
                for i in range(length):
                    value = given[i] if given[i] >= np.float32(0) else given[i] * slopes[i]
                    line[i] = value if value > line[i] else line[i]
            for column in range(out.shape[2]):
                cell, first = out[n, row, column], 2 * column * channels
                for c in range(channels):
                    cell[c] = line[first + c]
                end = min(first + side * channels, length)
                for start in range(first + channels, end, channels):
                    for c in range(channels):
                        value = line[start + c]
                        cell[c] = value if value > cell[c] else cell[c]
