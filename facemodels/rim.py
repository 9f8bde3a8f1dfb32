"""The open rims of a quad surface, and a linear smoothing of the outermost one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .subdivide import edge_table

Index = NDArray[np.int64]
_SMOOTHING_ROUNDS = 8


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
