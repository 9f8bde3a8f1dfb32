"""Roughness of a surface."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from ..geometry.topology import apply_sparse
from .term import term


@term("vertices")
def smoothness(vertices: Tensor, laplacian: Tensor) -> Tensor:
    """Squared length of the uniform Laplacian at each vertex: Mobile-FaceRNet's eq 16.

    ||1/d_i sum_{j in Adj_i} (v_i - v_j)||^2; the paper's L_sth is the mean over the vertices, and
    its L_smooth of eq 11 the same thing.

    Args:
        vertices: (B,V,3), mm.
        laplacian: (V,V) sparse, `uniform_laplacian(faces, V)` of geometry/topology.py.

    Returns:
        (B,V), mm^2.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("vertices", vertices, (None, laplacian.shape[1], 3))
    with torch.autocast(vertices.device.type, enabled=False):
        return apply_sparse(laplacian, vertices).square().sum(-1)
