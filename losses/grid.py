"""A UV map as a mesh: its texels are vertices, neighbouring texels are joined.

Vertex r * W + c is the texel in row r, column c.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape


def map_points(maps: Tensor) -> Tensor:
    """The texels of maps (B,C,H,W) as points (B,H*W,C)."""
    check_shape("maps", maps, (None, None, None, None))
    return maps.flatten(2).transpose(1, 2)


def grid_edges(mask: Tensor) -> Tensor:
    """Pairs of texels side by side or one above the other, both of the face, (E,2) int64.

    SADRNet's E of eq 21: "every pair of adjacent vertices in the UV map". Its code joins (r, c) to
    (r+1, c+1) where it has looked at (r+1, c): wrong, the diagonal's end may lie outside the face.

    Args:
        mask: (H,W) bool.

    Raises:
        InputError: another shape or dtype.
    """
    index = _index(mask)
    right = _inside(mask, index[:, :-1], index[:, 1:])
    down = _inside(mask, index[:-1], index[1:])
    return torch.cat([right, down])


def grid_triangles(mask: Tensor) -> Tensor:
    """Two triangles for each square of four texels, where all three corners lie in the face.

    The squares are cut from bottom left to top right, as in SADRNet's code. Counter-clockwise with
    row 0 at the top, so that a face unwrapped as it looks from outside has outward normals.

    Args:
        mask: (H,W) bool.

    Returns:
        (T,3) int64.

    Raises:
        InputError: another shape or dtype.
    """
    index = _index(mask)
    corner, right = index[:-1, :-1], index[:-1, 1:]
    below, across = index[1:, :-1], index[1:, 1:]
    return torch.cat([_inside(mask, corner, below, right), _inside(mask, below, across, right)])


def grid_interior(mask: Tensor) -> Tensor:
    """Texels of the face (H,W) bool whose four neighbours are texels of the face, too."""
    _index(mask)
    padded = torch.nn.functional.pad(mask, (1, 1, 1, 1))
    rows, columns = padded[:, 1:-1], padded[1:-1]
    return mask & rows[2:] & rows[:-2] & columns[:, 2:] & columns[:, :-2]


def _index(mask: Tensor) -> Tensor:
    check_shape("mask", mask, (None, None))
    if mask.dtype != torch.bool:
        raise InputError("mask", "bool", str(mask.dtype))
    return torch.arange(mask.numel(), device=mask.device).view(mask.shape)


def _inside(mask: Tensor, *corners: Tensor) -> Tensor:
    """The tuples of corners all of which lie in the mask."""
    rows = torch.stack([corner.reshape(-1) for corner in corners], 1)
    return rows[mask.reshape(-1)[rows].all(1)]
