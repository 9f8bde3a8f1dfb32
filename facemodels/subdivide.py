"""Catmull-Clark subdivision as one sparse matrix, and the open rims of quad surfaces.

The longest rim, the neck's, is smoothed linearly and closed by a flat base.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Index = NDArray[np.int64]

_SMOOTHING_ROUNDS = 8


def neck_cap(quads: Index, first: int) -> tuple[Index, Index]:
    """Close the longest open rim of a surface (F,4) with a zip of quads from end to end.

    The cap has vertices of its own, copies of the rim's, so that shading breaks at the edge.

    Args:
        quads: (F,4) of the open surface.
        first: the number of the first copy.

    Returns:
        the rim's vertices (N,), whose copies get the numbers `first` to `first` + N - 1; and the
        cap's quads (N/2-1,4), counter-clockwise seen from outside.
    """
    rim = rim_loops(quads)[-1]
    copies = first + np.arange(len(rim))
    i = np.arange(len(rim) // 2 - 1)
    zipped = np.stack([copies[i + 1], copies[i], copies[-1 - i], copies[-2 - i]], 1)
    return rim, np.ascontiguousarray(zipped)


def rim_loops(quads: Index) -> list[Index]:
    """Closed rims of a surface (F,4), each a sequence of vertices; the longest one last."""
    directed = np.stack([quads, np.roll(quads, -1, 1)], 2).reshape(-1, 2)
    _, count, corner_edge = edge_table(quads)
    open_edges = directed[count[corner_edge.ravel()] == 1]
    following = dict(zip(open_edges[:, 0].tolist(), open_edges[:, 1].tolist(), strict=True))
    loops = []
    while following:
        start = min(following)
        loop = [start]
        while (vertex := following.pop(loop[-1])) != start:
            loop.append(vertex)
        loops.append(np.array(loop))
    return sorted(loops, key=len)


def smooth_rim(matrix: sparse.csr_matrix, quads: Index) -> sparse.csr_matrix:
    """Let the vertices of the longest rim slide along it until its steps are gone.

    Args:
        matrix: (V,V0) from stored to refined vertices.
        quads: (F,4) the refined quads that are kept.

    Returns:
        The matrix with the rows of that rim repeatedly averaged (1/4, 1/2, 1/4) with their
        neighbours on the rim, so that means and bases are smoothed alike.
    """
    loop = rim_loops(quads)[-1]
    n = len(loop)
    step = sparse.identity(n) / 2 + _shift(n, 1) / 4 + _shift(n, -1) / 4
    rows = matrix[loop]
    for _ in range(_SMOOTHING_ROUNDS):
        rows = step @ rows
    place = sparse.csr_matrix((np.ones(n), (loop, np.arange(n))), shape=(matrix.shape[0], n))
    others = np.ones(matrix.shape[0])
    others[loop] = 0
    return (sparse.diags(others) @ matrix + place @ rows).tocsr()


def _shift(n: int, by: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(n), (np.arange(n), (np.arange(n) + by) % n)), shape=(n, n))


def catmull_clark(quads: Index, vertex_count: int) -> tuple[sparse.csr_matrix, Index]:
    """One subdivision step (Catmull and Clark 1978, with their crease rule on open boundaries).

    Args:
        quads: (F,4) vertex indices.
        vertex_count: number of vertices V before the step.

    Returns:
        The matrix (V+E+F, V) from old to new vertices, ordered old vertices, edges, faces; and the
        new quads (4F,4): rows [i*F + f] hold the quad at corner i of face f, that corner first.
    """
    rim, _, corner_edge = edge_table(quads)
    n, m, ne = vertex_count, len(quads), len(rim)
    average = _incidence(np.repeat(np.arange(m), 4), quads.ravel(), (m, n)) / 4
    midpoint = _incidence(np.repeat(np.arange(ne), 2), rim.ravel(), (ne, n)) / 2
    edge_faces = _incidence(corner_edge.ravel(), np.repeat(np.arange(m), 4), (ne, m))
    inner = np.asarray(edge_faces.sum(1)).ravel() == 2
    edge_rows = (
        sparse.diags(np.where(inner, 0.5, 1.0)) @ midpoint
        + sparse.diags(np.where(inner, 0.25, 0.0)) @ edge_faces @ average
    )
    vertex_rows = _vertex_rows(quads, rim, inner, average, midpoint, n)
    matrix = sparse.vstack([vertex_rows, edge_rows, average]).tocsr()
    centre, edge = n + ne + np.arange(m), n + corner_edge
    new = [np.stack([quads[:, i], edge[:, i], centre, edge[:, i - 1]], 1) for i in range(4)]
    return matrix, np.concatenate(new)


def edge_table(quads: Index) -> tuple[Index, Index, Index]:
    """Unique sorted edges (E,2), how many faces hold each (E,), and each corner's edge (F,4)."""
    pairs = np.sort(np.stack([quads, np.roll(quads, -1, 1)], 2).reshape(-1, 2), 1)
    rim, inverse, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return rim, count, inverse.reshape(quads.shape)


def triangles(quads: Index) -> Index:
    """Cut each quad into two triangles.

    >>> triangles(np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))
    array([[0, 1, 2],
           [4, 5, 6],
           [0, 2, 3],
           [4, 6, 7]])

    Args:
        quads: (F,4).

    Returns:
        (2F,3): rows 0..F-1 are the first triangle of each quad, rows F..2F-1 the second.
    """
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _incidence(rows: Index, columns: Index, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def _vertex_rows(
    quads: Index,
    rim: Index,
    inner: NDArray[np.bool_],
    average: sparse.csr_matrix,
    midpoint: sparse.csr_matrix,
    n: int,
) -> sparse.csr_matrix:
    """Rows of the old vertices: (Q + 2R + (k-3)P)/k inside, (M + P)/2 on the boundary."""
    m, ne = len(quads), len(rim)
    valence = np.bincount(rim.ravel(), minlength=n).astype(float)
    face_count = np.bincount(quads.ravel(), minlength=n).astype(float)
    vertex_faces = _incidence(quads.ravel(), np.repeat(np.arange(m), 4), (n, m))
    vertex_edges = _incidence(rim.ravel(), np.repeat(np.arange(ne), 2), (n, ne))
    used, k = valence > 0, np.maximum(valence, 1)
    identity = sparse.identity(n, format="csr")
    inside = (
        sparse.diags(1 / k / np.maximum(face_count, 1)) @ vertex_faces @ average
        + sparse.diags(2 / k**2) @ vertex_edges @ midpoint
        + sparse.diags((k - 3) / k) @ identity
    )
    border = 0.5 * identity + 0.25 * vertex_edges @ sparse.diags((~inner) * 1.0) @ midpoint
    on_border = np.zeros(n, bool)
    on_border[rim[~inner].ravel()] = True
    pick = [used & ~on_border, used & on_border, ~used]
    blocks = [inside, border, identity]
    return sum(sparse.diags(p * 1.0) @ b for p, b in zip(pick, blocks, strict=True))
