"""What the faces of a triangle mesh say about its vertices: edges, neighbours, borders."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import InputError
from .checks import check_shape
from .tensor_cache import TensorCache, index_range

_INDEX_RANGE = TensorCache(index_range)


def check_faces(faces: Tensor, vertex_count: int) -> None:
    """Raise InputError unless `faces` is (F, 3) integer with indices of `vertex_count` vertices.

    The indices are read once per tensor: that waits for a GPU.
    """
    check_shape("faces", faces, ("F", 3))
    if faces.dtype not in (torch.int32, torch.int64):
        raise InputError("faces", "int32 or int64 indices", str(faces.dtype))
    if not faces.numel():
        return
    lowest, highest = _INDEX_RANGE(faces)
    if lowest < 0 or highest >= vertex_count:
        raise InputError("faces", f"indices in 0..{vertex_count - 1}", f"{lowest}..{highest}")


def _half_edges(faces: Tensor) -> Tensor:
    """(3F, 2) directed edges, the three of a face at rows f, F + f, 2F + f."""
    check_shape("faces", faces, ("F", 3))
    return torch.cat((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]])).long()


def edges(faces: Tensor) -> Tensor:
    """Undirected edges, each once, smaller index first, sorted.

    Args:
        faces: (F, 3).

    Returns:
        (E, 2) long.
    """
    return torch.unique(_half_edges(faces).sort(1).values, dim=0)


def _edge_of_half_edge(faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Edges (E, 2), the edge of each half edge (3F,), and how many faces an edge has (E,)."""
    both = _half_edges(faces).sort(1).values
    unique, inverse, count = torch.unique(both, dim=0, return_inverse=True, return_counts=True)
    return unique, inverse, count


def edge_faces(faces: Tensor) -> Tensor:
    """The two faces at each edge, in the order of `edges`.

    Returns:
        (E, 2) long face indices, the smaller first; -1 as the second where the edge is open.

    Raises:
        InputError: an edge has more than two faces.
    """
    _, inverse, count = _edge_of_half_edge(faces)
    crowded = int((count > 2).sum())
    if crowded:
        raise InputError("faces", "at most two faces at an edge", f"{crowded} edges with more")
    order = torch.argsort(inverse, stable=True)
    owner = order % faces.shape[0]
    start = count.cumsum(0) - count
    # The stable order lists the faces of one edge by half edge, not by face index.
    first, second = owner[start], owner[(start + 1).clamp(max=len(owner) - 1)]
    closed = count == 2
    low = torch.where(closed, torch.minimum(first, second), first)
    return torch.stack((low, torch.where(closed, torch.maximum(first, second), -1)), 1)


def boundary_edges(faces: Tensor) -> Tensor:
    """Edges of exactly one face, directed as in that face.

    >>> boundary_edges(torch.tensor([[0, 1, 2], [0, 2, 3]]))
    tensor([[0, 1],
            [1, 2],
            [2, 3],
            [3, 0]])

    Args:
        faces: (F, 3).

    Returns:
        (E', 2) long.
    """
    _, inverse, count = _edge_of_half_edge(faces)
    return _half_edges(faces)[count[inverse] == 1]


def boundary_vertices(faces: Tensor, vertex_count: int) -> Tensor:
    """Which vertices lie on an open border; (vertex_count,) bool.

    Raises:
        InputError: indices outside the vertices.
    """
    check_faces(faces, vertex_count)
    mask = torch.zeros(vertex_count, dtype=torch.bool, device=faces.device)
    mask[boundary_edges(faces).reshape(-1)] = True
    return mask


def vertex_adjacency(faces: Tensor, vertex_count: int) -> tuple[Tensor, Tensor]:
    """Neighbours of every vertex in compressed rows.

    Returns:
        (start, neighbours): `neighbours[start[v]:start[v + 1]]` are those of vertex v, ascending;
        start is (vertex_count + 1,), neighbours (2E,), both long.

    Raises:
        InputError: indices outside the vertices.
    """
    check_faces(faces, vertex_count)
    one_way = edges(faces)
    pairs = torch.cat((one_way, one_way.flip(1)))
    order = torch.argsort(pairs[:, 0] * vertex_count + pairs[:, 1])
    degree = torch.bincount(pairs[:, 0], minlength=vertex_count)
    start = torch.cat((degree.new_zeros(1), degree.cumsum(0)))
    return start, pairs[order, 1]


def uniform_laplacian(faces: Tensor, vertex_count: int) -> Tensor:
    """The umbrella operator: (L x)_v = mean of the neighbours of v - x_v.

    A vertex without neighbours has an empty row: its value is 0.

    >>> uniform_laplacian(torch.tensor([[0, 1, 2]]), 3).to_dense()
    tensor([[-1.0000,  0.5000,  0.5000],
            [ 0.5000, -1.0000,  0.5000],
            [ 0.5000,  0.5000, -1.0000]])

    Args:
        faces: (F, 3).
        vertex_count: V.

    Returns:
        (V, V) sparse COO, float32, coalesced; `apply_sparse` multiplies it with batches.

    Raises:
        InputError: indices outside the vertices.
    """
    start, neighbours = vertex_adjacency(faces, vertex_count)
    degree = start.diff()
    vertex = torch.arange(vertex_count, device=faces.device)
    rows = torch.repeat_interleave(vertex, degree)
    connected = vertex[degree > 0]
    index = torch.stack((torch.cat((rows, connected)), torch.cat((neighbours, connected))))
    values = torch.cat((1.0 / degree[rows], -torch.ones(len(connected), device=faces.device)))
    size = (vertex_count, vertex_count)
    return torch.sparse_coo_tensor(index, values, size, check_invariants=True).coalesce()


def apply_sparse(matrix: Tensor, values: Tensor) -> Tensor:
    """A sparse matrix times every array of a batch, differentiable.

    >>> apply_sparse(2 * torch.eye(2).to_sparse(), torch.ones(1, 2, 3))
    tensor([[[2., 2., 2.],
             [2., 2., 2.]]])

    Args:
        matrix: (M, V) sparse.
        values: (B, V, C).

    Returns:
        (B, M, C).

    Raises:
        InputError: sizes that do not fit.
    """
    check_shape("values", values, ("B", matrix.shape[1], "C"))
    batch, _, channels = values.shape
    columns = values.transpose(0, 1).reshape(matrix.shape[1], batch * channels)
    product = torch.sparse.mm(matrix.to(values.dtype), columns)
    return product.reshape(matrix.shape[0], batch, channels).transpose(0, 1)


class SubMesh(NamedTuple):
    """A part of a mesh, with where it came from.

    Attributes:
        faces: (F', 3) long, indices into `vertices`.
        vertices: (V',) long, ids in the whole mesh, ascending.
        face_ids: (F',) long, ids in the whole mesh, ascending.
    """

    faces: Tensor
    vertices: Tensor
    face_ids: Tensor


def subset_mesh(faces: Tensor, keep: Tensor) -> SubMesh:
    """The part of a mesh on the vertices in `keep`: the faces all of whose corners are kept.

    >>> part = subset_mesh(torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.tensor([1, 0, 1, 1]).bool())
    >>> part.faces, part.vertices
    (tensor([[0, 1, 2]]), tensor([0, 2, 3]))

    Args:
        faces: (F, 3).
        keep: (V,) bool. Every kept vertex stays, also one that no remaining face uses.

    Returns:
        `SubMesh`; `attributes[:, sub.vertices]` belongs to `sub.faces`.

    Raises:
        InputError: wrong shapes, `keep` not bool, indices outside the vertices.
    """
    check_shape("keep", keep, ("V",))
    if keep.dtype != torch.bool:
        raise InputError("keep", "a bool mask of the vertices", str(keep.dtype))
    check_faces(faces, len(keep))
    vertices = keep.nonzero()[:, 0]
    new_id = keep.long().cumsum(0) - 1
    face_ids = keep[faces.long()].all(1).nonzero()[:, 0]
    return SubMesh(new_id[faces.long()[face_ids]], vertices, face_ids)
