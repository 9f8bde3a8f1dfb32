"""Directions of a surface's edges against known normals."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from ..geometry.mesh import face_normals
from .length import unit
from .term import term


@term("predicted", "target")
def normal_deviation(predicted: Tensor, target: Tensor, triangles: Tensor) -> Tensor:
    """How far each edge of a triangle rises out of the known triangle's plane.

    |<E_ij / |E_ij|, n'>| for the edges ij, jk, ki: SADRNet's eq 22 and 23 with the normal n' of the
    *ground truth*, as its code has it. As printed, n is the prediction's own normal, to which its
    edges are orthogonal: the term would be 0 whatever is predicted. Eq 23 is a bare sum; the code
    averages over the triangles and their edges.

    Args:
        predicted, target: (B,V,3): a mesh, or `map_points` of a UV map.
        triangles: (T,3) int64, the faces of a mesh or `grid_triangles(mask)` of a UV map.

    Returns:
        (B,T,3) in [0,1]; 0 with a gradient of 0 for an edge without length and for a known triangle
        without area.

    Raises:
        InputError: the shapes differ, an index is out of range.
    """
    check_shape("predicted", predicted, (None, None, 3))
    check_shape("target", target, tuple(predicted.shape))
    normals = face_normals(target, triangles)
    i, j, k = (predicted.index_select(1, triangles[:, c]) for c in range(3))
    edges = unit(torch.stack([i - j, j - k, k - i], 2))
    return (edges * normals[:, :, None]).sum(-1).abs()
