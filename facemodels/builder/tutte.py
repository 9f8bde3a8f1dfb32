"""A first texture chart without overlaps, on a convex outline.

Tutte 1963 / Floater 1997: with a convex rim and positive edge weights no triangle overlaps another.
Yoshizawa, Belyaev, Seidel 2004: dividing the weights by the local stretch evens out the density.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from ..subdivide import edge_table
from .hm08 import Array, Index
from .net import Net
from .outline import Outline
from .relax import energies, jacobians

_ROUNDS = 5


def first_chart(
    points: Array,
    quads: Index,
    mirror: Index | None,
    loops: list[Index],
    net: Net,
    outline: Outline,
) -> Array:
    """Places (V+H,2) of a surface's V vertices and the middles of its H holes.

    Args:
        points: (V,3) mm; quads (F,4); mirror (V,) or None.
        loops: of `rim_loops`: the holes, then the rim that goes onto the outline.
        net: of the surface and its holes.
        outline: strictly convex.
    """
    edges = _filled_edges(quads, loops[:-1], len(points))
    place = np.full((len(points) + len(loops) - 1, 2), np.nan)
    place[loops[-1]] = outline.along(_rim_shares(points, loops[-1], mirror))
    length = np.ones(len(edges))
    real = (edges < len(points)).all(1)
    length[real] = np.linalg.norm(np.subtract(*points[edges[real]].transpose(1, 0, 2)), axis=1)
    pull, slopes = np.ones(len(place)), net.slopes()
    best, least = place, np.inf
    for _ in range(_ROUNDS):
        place = _solve(place, edges, 1 / np.maximum(length, 1e-3), pull, loops[-1])
        jacobian = jacobians(place, net.corners, slopes)
        energy = float(net.weight @ energies(jacobian))
        if energy < least or not np.isfinite(least):
            best, least = place, energy
        pull *= np.sqrt(_stretch(jacobian, net, len(place)))
    return best


def _filled_edges(quads: Index, holes: list[Index], vertex_count: int) -> Index:
    """Edges of the surface with a new vertex in the middle of each hole."""
    edges, _, _ = edge_table(quads)
    spokes = [
        np.stack([loop, np.full(len(loop), vertex_count + i)], 1) for i, loop in enumerate(holes)
    ]
    return np.concatenate([edges, *spokes])


def _rim_shares(points: Array, rim: Index, mirror: Index | None) -> Array:
    """Shares (N,) of the rim's length; a symmetric one starts at its lowest midline vertex."""
    step = np.linalg.norm(points[rim] - points[np.roll(rim, -1)], axis=1)
    if mirror is None:
        return (np.cumsum(step) - step) / step.sum()
    middle = np.flatnonzero(mirror[rim] == rim)
    bottom = int(middle[(points[rim[middle], 2] - points[rim[middle], 1]).argmax()])
    order = np.roll(rim, -bottom)
    top = int(np.flatnonzero(mirror[order] == order)[-1])
    along = np.concatenate([[0], np.cumsum(np.roll(step, -bottom))])
    return np.roll(np.interp(along[:-1], [0, along[top], along[-1]], [0, 0.5, 1]), bottom)


def _solve(place: Array, edges: Index, weight: Array, pull: Array, rim: Index) -> Array:
    """Every inner vertex at the weighted mean of its neighbours (weight_ij / pull_j)."""
    n = len(place)
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    w = np.concatenate([weight, weight]) / pull[j]
    matrix = sparse.csr_matrix((w, (i, j)), shape=(n, n))
    inner = np.setdiff1d(np.arange(n), rim)
    total = np.asarray(matrix.sum(1)).ravel()
    system = (sparse.diags(total) - matrix)[inner]
    right = -system[:, rim] @ place[rim]
    solved = place.copy()
    solved[inner] = spsolve(system[:, inner].tocsc(), right)
    return solved


def _stretch(jacobian: Array, net: Net, count: int) -> Array:
    """Root-mean-square stretch from chart to surface (V,) over its mean."""
    determinant = np.maximum(np.abs(np.linalg.det(jacobian)), 1e-9)
    square = (jacobian**2).sum((1, 2)) / determinant**2
    total, weight = (
        np.bincount(net.corners.ravel(), np.repeat(x, 3), count)
        for x in (square * net.weight, net.weight)
    )
    stretch = np.sqrt(total / weight)
    capped = np.minimum(stretch, 50 * np.median(stretch))
    return np.clip(stretch / np.sqrt((capped**2 * weight).sum() / weight.sum()), 0.1, 10)
