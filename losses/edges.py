"""Lengths of a surface's edges against known ones."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape
from .length import length
from .term import term


@term("predicted", "target")
def edge_length_difference(predicted: Tensor, target: Tensor, edges: Tensor) -> Tensor:
    """| ||E_ij|| - ||E'_ij|| | of each edge: SADRNet's eq 20 and 21.

    Eq 21 is a bare sum; the code averages over the edges.

    Args:
        predicted, target: (B,V,3), any unit of length: a mesh, or `map_points` of a UV map.
        edges: (E,2) int64, `edges(faces)` of a mesh or `grid_edges(mask)` of a UV map.

    Returns:
        (B,E).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("predicted", predicted, (None, None, 3))
    check_shape("target", target, tuple(predicted.shape))
    check_shape("edges", edges, (None, 2))
    own, known = (_lengths(points, edges) for points in (predicted, target))
    return (own - known).abs()


def _lengths(points: Tensor, edges: Tensor) -> Tensor:
    return length(points.index_select(1, edges[:, 0]) - points.index_select(1, edges[:, 1]))
