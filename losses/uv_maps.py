"""Weighted distances of UV position maps (SADRNet's geometry, deformation and pose terms), and a UV
map as a mesh: its texels are vertices, neighbouring texels are joined.

Vertex r * W + c is the texel in row r, column c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..core.errors import InputError, UnknownNameError
from ..geometry.checks import check_shape
from .reduction import length, masked_mean_each
from .term import make_term


def map_points(maps: Tensor) -> Tensor:
    """The texels of maps (B,C,H,W) as points (B,H*W,C), row by row."""
    check_shape("maps", maps, (None, None, None, None))
    return maps.flatten(2).transpose(1, 2)


def grid_edges(mask: Tensor) -> Tensor:
    """Pairs of texels side by side or one above the other, both of the face.

    SADRNet's E of eq 21: "every pair of adjacent vertices in the UV map". Its code joins (r, c) to
    (r+1, c+1) where it has looked at (r+1, c), which is wrong: the diagonal's end may lie outside
    the face.

    >>> grid_edges(torch.tensor([[True, True], [True, False]]))
    tensor([[0, 1],
            [0, 2]])

    Args:
        mask: (H,W) bool, the texels of the face.

    Returns:
        (E,2) int64.

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

    >>> grid_triangles(torch.ones(2, 2, dtype=torch.bool))
    tensor([[0, 2, 1],
            [2, 3, 1]])

    Args:
        mask: (H,W) bool, the texels of the face.

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


SADRNET_REGIONS: tuple[tuple[str, float], ...] = (
    ("skin", 3.0),
    ("eyes", 12.0),
    ("nose", 12.0),
    ("mouth", 12.0),
    ("neck", 0.0),
    ("landmarks", 16.0),
)
"""16:12:3:0 for landmarks : eyes, nose, mouth : cheeks, chin, forehead : neck (SADRNet III-D).

Later entries win. SADRNet's code divides PRNet's picture by 16 and makes 12 of its 4; the picture
hardly marks the neck, whose 0 comes from the mask of the face.
"""


@make_term("predicted", "target", masks=["mask", "weights"])
def map_distance(predicted: Tensor, target: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean distance of two maps over the face: SADRNet's eq 19 for G, D and P.

    sum_uv ||N - N'||_2 M / (number of face texels). The print has a bare sum; the code averages
    over the texels of the face, not over their weights, and so does this.

    Args:
        predicted: (B,C,H,W), any unit of length.
        target: the same shape.
        mask: (H,W) bool, the texels of the face.
        weights: (H,W) >= 0, such as `region_weights(regions, SADRNET_REGIONS)`.

    Returns:
        (B,); 0 with a gradient of 0 for an empty mask.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("predicted", predicted, (None, None, None, None))
    check_shape("target", target, tuple(predicted.shape))
    check_shape("mask", mask, tuple(predicted.shape[2:]))
    check_shape("weights", weights, tuple(predicted.shape[2:]))
    distance = length(predicted - target, dim=1) * weights
    return masked_mean_each(distance, mask.to(distance).expand_as(distance))


def region_weights(regions: Mapping[str, Tensor], weights: Sequence[tuple[str, float]]) -> Tensor:
    """A map of weights from named regions.

    >>> masks = {"skin": torch.tensor([1, 1, 0]).bool(), "eyes": torch.tensor([0, 1, 0]).bool()}
    >>> region_weights(masks, [("skin", 3.0), ("eyes", 12.0)])
    tensor([ 3., 12.,  0.])

    Args:
        regions: masks of one shape, bool: (H,W) of a UV map, or (V,) of vertices.
        weights: (region, weight) pairs; where regions overlap, the later pair wins.

    Returns:
        float32 of the masks' shape, 0 outside all of them.

    Raises:
        UnknownNameError: a pair names no region.
        InputError: there is no region, or masks have several shapes.
    """
    if not regions:
        raise InputError("regions", "at least one mask", "none")
    first = next(iter(regions.values()))
    total = torch.zeros(first.shape, device=first.device)
    for name, weight in weights:
        if name not in regions:
            raise UnknownNameError("region", name, list(regions))
        check_shape(f"region {name!r}", regions[name], tuple(first.shape))
        total = torch.where(regions[name].bool(), weight, total)
    return total
