"""Laplacians against a reference, on meshes, and of UV maps."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from ..geometry.topology import apply_sparse
from .term import term


@term("vertices", "reference")
def laplacian_difference(vertices: Tensor, reference: Tensor, laplacian: Tensor) -> Tensor:
    """Squared distance of the Laplacians of two meshes at each vertex: ||L v - L r||^2.

    Unlike `smoothness` it leaves the reference's own detail alone, and unlike a distance of
    vertices it does not see where the mesh is.

    Args:
        vertices, reference: (B,V,3), mm.
        laplacian: (V,V) sparse, `uniform_laplacian(faces, V)`.

    Returns:
        (B,V), mm^2.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("vertices", vertices, (None, laplacian.shape[1], 3))
    check_shape("reference", reference, tuple(vertices.shape))
    with torch.autocast(vertices.device.type, enabled=False):
        return apply_sparse(laplacian, vertices - reference).square().sum(-1)


@term("maps")
def map_laplacian(maps: Tensor) -> Tensor:
    """Squared length of the Laplacian at each texel of position maps.

    The mean of the four neighbours minus the texel. SADRNet's code has it, four times as large and
    not squared, but uses it nowhere. Outside the map is 0: reduce over `grid_interior(mask)`.

    Args:
        maps: (B,C,H,W).

    Returns:
        (B,1,H,W).

    Raises:
        InputError: not four dimensions.
    """
    check_shape("maps", maps, (None, None, None, None))
    padded = torch.nn.functional.pad(maps, (1, 1, 1, 1))
    rows, columns = padded[..., 1:-1], padded[..., 1:-1, :]
    around = rows[..., 2:, :] + rows[..., :-2, :] + columns[..., 2:] + columns[..., :-2]
    return (around / 4 - maps).square().sum(1, keepdim=True)
