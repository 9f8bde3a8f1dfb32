"""Terms on the shape of a surface: directions and lengths of its edges, and its Laplacian.

All take the vertices of a mesh, or the texels of a UV position map as vertices (`map_points`,
`grid_edges` and `grid_triangles` of uv_maps.py); `map_laplacian` takes the map itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from ..geometry.mesh import face_normals
from ..geometry.topology import apply_sparse
from .reduction import length, unit
from .term import make_term


@make_term("predicted", "target")
def normal_deviation(predicted: Tensor, target: Tensor, triangles: Tensor) -> Tensor:
    """How far each edge of a triangle rises out of the true triangle's plane.

    |<E_ij / |E_ij|, n'>| for the edges ij, jk, ki: SADRNet's eq 22 and 23 with the normal n' of the
    *ground truth*, as its code has it. As printed, n is the prediction's own normal, to which its
    edges are orthogonal: the term would be 0 whatever is predicted. Eq 23 is a bare sum; the code
    averages over the triangles and their edges.

    Args:
        predicted: (B,V,3): a mesh, or `map_points` of a UV map.
        target: the same shape.
        triangles: (T,3) int64, the faces of a mesh or `grid_triangles(mask)` of a UV map.

    Returns:
        (B,T,3) in [0,1]; 0 with a gradient of 0 for an edge without length and for a true triangle
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


@make_term("predicted", "target")
def edge_length_difference(predicted: Tensor, target: Tensor, edges: Tensor) -> Tensor:
    """Absolute difference between the lengths of each edge, | ||E_ij|| - ||E'_ij|| |.

    SADRNet's eq 20 and 21. Eq 21 is a bare sum; the code averages over the edges.

    >>> target = torch.tensor([[[0.0, 0, 0], [3, 4, 0]]])
    >>> edge_length_difference(2 * target, target, torch.tensor([[0, 1]]))
    tensor([[5.]])

    Args:
        predicted: (B,V,3), any unit of length: a mesh, or `map_points` of a UV map.
        target: the same shape.
        edges: (E,2) int64, `edges(faces)` of a mesh or `grid_edges(mask)` of a UV map.

    Returns:
        (B,E).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("predicted", predicted, (None, None, 3))
    check_shape("target", target, tuple(predicted.shape))
    check_shape("edges", edges, (None, 2))
    lengths, true_lengths = (_lengths(points, edges) for points in (predicted, target))
    return (lengths - true_lengths).abs()


def _lengths(points: Tensor, edges: Tensor) -> Tensor:
    return length(points.index_select(1, edges[:, 0]) - points.index_select(1, edges[:, 1]))


@make_term("vertices", "reference")
def laplacian_difference(vertices: Tensor, reference: Tensor, laplacian: Tensor) -> Tensor:
    """Squared distance between the Laplacians of two meshes at each vertex, ||L v - L r||^2.

    Unlike `smoothness` it leaves the reference's own detail alone, and unlike a distance of
    vertices it does not depend on where the mesh is.

    Args:
        vertices: (B,V,3), mm.
        reference: the same shape.
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


@make_term("maps")
def map_laplacian(maps: Tensor) -> Tensor:
    """Squared length of the Laplacian at each texel of position maps.

    The Laplacian is the mean of the four neighbours minus the texel. SADRNet's code has it, four
    times as large and not squared, but uses it nowhere. Beyond its border the map counts as 0:
    reduce over `grid_interior(mask)`.

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


@make_term("vertices")
def smoothness(vertices: Tensor, laplacian: Tensor) -> Tensor:
    """Squared length of the uniform Laplacian at each vertex: Mobile-FaceRNet's eq 16.

    ||1/d_i sum_{j in Adj_i} (v_i - v_j)||^2; the paper's L_sth is the mean over the vertices, and
    its L_smooth of eq 11 is the same.

    >>> from selfie3d.geometry import uniform_laplacian
    >>> laplacian = uniform_laplacian(torch.tensor([[0, 1, 2]]), 3)
    >>> smoothness(torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]]), laplacian)
    tensor([[2., 5., 5.]])

    Args:
        vertices: (B,V,3), mm.
        laplacian: (V,V) sparse, `uniform_laplacian(faces, V)`.

    Returns:
        (B,V), mm^2.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("vertices", vertices, (None, laplacian.shape[1], 3))
    with torch.autocast(vertices.device.type, enabled=False):
        return apply_sparse(laplacian, vertices).square().sum(-1)
