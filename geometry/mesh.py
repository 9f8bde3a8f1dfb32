"""Normals, areas and lengths of triangle meshes; topology (`topology.py`) is offered from here.

Faces are counter-clockwise seen from outside, so normals point outwards.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_shape
from .topology import (
    SubMesh,
    apply_sparse,
    boundary_edges,
    boundary_vertices,
    check_faces,
    edge_faces,
    edges,
    subset_mesh,
    uniform_laplacian,
    vertex_adjacency,
)

__all__ = [
    "SubMesh",
    "apply_sparse",
    "boundary_edges",
    "boundary_vertices",
    "edge_faces",
    "edges",
    "face_areas",
    "face_normals",
    "mean_edge_length",
    "subset_mesh",
    "uniform_laplacian",
    "vertex_adjacency",
    "vertex_normals",
]

# Twice an area up to this (in the squared unit of the vertices) has no direction: the gradient of
# normalising holds 1 / area^3, which float32 can still represent here.
_NO_AREA = 1e-12


def _corner_products(vertices: Tensor, faces: Tensor) -> Tensor:
    """Cross product of two edges, outward, twice the area long; (B, F, 3)."""
    check_shape("vertices", vertices, ("B", "V", 3))
    check_faces(faces, vertices.shape[1])
    # index_select per corner: its backward (index_add) is many times faster than fancy indexing's.
    rows = vertices.flatten(0, 1)
    a, b, c = (rows.index_select(0, corner) for corner in _corner_rows(vertices, faces))
    products = torch.linalg.cross(b - a, c - a, dim=-1)
    return products.unflatten(0, (len(vertices), len(faces)))


def _corner_rows(vertices: Tensor, faces: Tensor) -> list[Tensor]:
    """Each corner's places (B*F,) in `vertices` (B,V,3) as rows (B*V,3).

    Rows are added up many times faster along the first axis than along the second.
    """
    batch, count = vertices.shape[:2]
    start = torch.arange(batch, device=faces.device)[:, None] * count
    return [(start + faces[:, k]).flatten() for k in range(3)]


def _normalise(vectors: Tensor) -> Tensor:
    """Unit vectors; zero with zero gradient where there is no length."""
    square = vectors.square().sum(-1, keepdim=True)
    empty = square <= _NO_AREA**2
    return torch.where(empty, 0.0, vectors * square.masked_fill(empty, 1.0).rsqrt())


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Outward unit normals of the faces.

    >>> triangle = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]])
    >>> face_normals(triangle, torch.tensor([[0, 1, 2]]))
    tensor([[[0., 0., 1.]]])

    Args:
        vertices: (B, V, 3).
        faces: (F, 3).

    Returns:
        (B, F, 3); zero, with zero gradient, for a face without area.

    Raises:
        InputError: wrong shapes, indices outside the vertices.
    """
    return _normalise(_corner_products(vertices, faces))


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Outward unit normals of the vertices: the normals of their faces, weighted by area.

    >>> triangle = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]])
    >>> vertex_normals(triangle, torch.tensor([[0, 1, 2]]))[0, 0]
    tensor([0., 0., 1.])

    Args:
        vertices: (B, V, 3).
        faces: (F, 3).

    Returns:
        (B, V, 3); zero, with zero gradient, where no face with an area meets.

    Raises:
        InputError: wrong shapes, indices outside the vertices.
    """
    products = _corner_products(vertices, faces)
    rows, total = products.flatten(0, 1), torch.zeros_like(vertices).flatten(0, 1)
    for corner in _corner_rows(vertices, faces):
        total = total.index_add(0, corner, rows)
    return _normalise(total.view_as(vertices))


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length with gradient 0 at 0."""
    square = vectors.square().sum(-1)
    empty = square == 0
    return torch.where(empty, 0.0, square.masked_fill(empty, 1.0).sqrt())


def face_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Areas of the faces, (B, V, 3) and (F, 3) -> (B, F), gradient 0 for a face without area.

    Raises:
        InputError: wrong shapes, indices outside the vertices.
    """
    return 0.5 * _length(_corner_products(vertices, faces))


def mean_edge_length(vertices: Tensor, faces: Tensor) -> Tensor:
    """Mean length of the undirected edges, (B, V, 3) and (F, 3) -> (B,).

    Raises:
        InputError: wrong shapes, indices outside the vertices.
    """
    check_shape("vertices", vertices, ("B", "V", 3))
    check_faces(faces, vertices.shape[1])
    start, end = edges(faces).unbind(1)
    return _length(vertices.index_select(1, end) - vertices.index_select(1, start)).mean(1)
