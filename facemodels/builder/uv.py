"""Non-overlapping texture charts by Tutte's embedding with low stretch.

Tutte 1963 / Floater 1997: with a convex rim and positive edge weights no triangle overlaps another.
Yoshizawa, Belyaev, Seidel 2004: dividing the weights by the local stretch evens out the density.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from ..rim import rim_loops
from ..subdivide import edge_table
from .hm08 import Array, Index

_ROUNDS = 12
_ROUNDNESS = 2.5  # exponent of the superellipse |x|^p + |y|^p = 1 that the rim is laid on


def disk_chart(points: Array, quads: Index, mirror: Index | None, importance: Array) -> Array:
    """Map the surface of `quads`, open at its longest rim, into the unit square.

    Args:
        points: (V,3) mm; quads (F,4); mirror (V,) of a symmetric surface, or
            None.
        importance: (V,) wanted texel density relative to other vertices.

    Returns:
        uv (V,2) in 0..1, v up, u -> 1-u under the mirror; NaN for vertices the quads do not use.
    """
    loops = rim_loops(quads)
    rim = loops[-1]
    edges = _filled_edges(quads, loops[:-1], len(points))
    uv = np.full((len(points) + len(loops) - 1, 2), np.nan)
    uv[rim] = _rim_positions(points, rim, mirror, importance)
    length = np.ones(len(edges))
    real = (edges < len(points)).all(1)
    length[real] = np.linalg.norm(np.subtract(*points[edges[real]].transpose(1, 0, 2)), axis=1)
    pull = np.ones(len(uv))
    best, best_stretch = uv, np.inf
    for _ in range(_ROUNDS):
        uv = _solve(uv, edges, 1 / np.maximum(length, 1e-3), pull, rim)
        stretch, overall = _stretch(points, quads, uv, importance)
        if overall < best_stretch:
            best, best_stretch = uv.copy(), overall
        pull[: len(points)] *= np.sqrt(stretch)
    best = best[: len(points)]
    if mirror is None:
        return best
    flipped = best[mirror] * [-1, 1] + [1, 0]
    return (best + flipped) / 2


def hemisphere_chart(offset: Array, front: bool) -> Array:
    """Azimuthal equidistant map (V,2) in 0..1 of points (V,3) about an eyeball's centre."""
    z = offset[:, 2] if front else -offset[:, 2]
    radius = np.hypot(offset[:, 0], offset[:, 1])
    angle = np.arctan2(radius, z)
    facing = np.array([1.0 if front else -1.0, 1.0])  # seen from outside, not mirrored
    flat = offset[:, :2] * facing / np.maximum(radius, 1e-9)[:, None] * angle[:, None] / np.pi
    return 0.5 + flat / 1.3  # quads that straddle the equator reach a little beyond 90 degrees


def _filled_edges(quads: Index, holes: list[Index], vertex_count: int) -> Index:
    """Edges of the surface with a new vertex in the middle of each hole."""
    edges, _, _ = edge_table(quads)
    spokes = [
        np.stack([loop, np.full(len(loop), vertex_count + i)], 1) for i, loop in enumerate(holes)
    ]
    return np.concatenate([edges, *spokes])


def _rim_positions(points: Array, rim: Index, mirror: Index | None, importance: Array) -> Array:
    """Points on the superellipse by arc length, the rim's lowest midline vertex at the bottom."""
    if mirror is None:
        step = np.linalg.norm(points[rim] - points[np.roll(rim, 1)], axis=1)
        return _superellipse(np.cumsum(step) / step.sum(), 1.0)
    middle = np.flatnonzero(mirror[rim] == rim)
    height = points[rim[middle], 2] - points[rim[middle], 1]
    bottom = int(middle[height.argmax()])
    order = np.roll(rim, -bottom)
    top = int(np.flatnonzero(mirror[order] == order)[-1])
    step = np.linalg.norm(points[order] - points[np.roll(order, -1)], axis=1)
    step *= importance[order] * importance[np.roll(order, -1)]
    along = np.concatenate([[0], np.cumsum(step)])
    share = np.interp(along[:-1], [0, along[top], along[-1]], [0, 0.5, 1])
    side = np.sign(points[order[top // 2], 0])
    position = _superellipse(share, side)
    out = np.empty_like(position)
    out[(np.arange(len(rim)) + bottom) % len(rim)] = position
    return out


def _superellipse(share: Array, side: float) -> Array:
    """Points (N,2) at shares of the perimeter, from the bottom centre first towards `side`."""
    turn = np.linspace(0, 2 * np.pi, 20001)
    power = 2 / _ROUNDNESS
    x = side * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
    y = -np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    place = share * length[-1]
    return 0.5 + 0.5 * np.stack([np.interp(place, length, x), np.interp(place, length, y)], 1)


def _solve(uv: Array, edges: Index, weight: Array, pull: Array, rim: Index) -> Array:
    """Every inner vertex at the weighted mean of its neighbours (weight_ij / pull_j)."""
    n = len(uv)
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    w = np.concatenate([weight, weight]) / pull[j]
    matrix = sparse.csr_matrix((w, (i, j)), shape=(n, n))
    inner = np.setdiff1d(np.unique(edges), rim)
    total = np.asarray(matrix.sum(1)).ravel()
    system = (sparse.diags(total) - matrix)[inner]
    right = -system[:, rim] @ uv[rim]
    solved = uv.copy()
    solved[inner] = spsolve(system[:, inner].tocsc(), right)
    return solved


def _stretch(points: Array, quads: Index, uv: Array, importance: Array) -> tuple[Array, float]:
    """Root-mean-square stretch from uv to surface (V,), weighted by importance and normalised."""
    value, area = np.zeros(len(points)), np.zeros(len(points))
    for corners in ((0, 1, 2), (0, 2, 3), (1, 2, 3), (1, 3, 0)):
        triangle = quads[:, corners]
        square, size = _triangle_stretch(points[triangle], uv[triangle])
        for k in range(3):
            np.add.at(value, triangle[:, k], square * size)
            np.add.at(area, triangle[:, k], size)
    seen = area > 0
    stretch = np.ones(len(points))
    stretch[seen] = np.sqrt(value[seen] / area[seen]) * importance[seen]
    overall = np.sqrt((stretch[seen] ** 2 * area[seen]).sum() / area[seen].sum())
    stretch[seen] /= overall
    return np.clip(stretch, 0.05, 20), float(overall)


def _triangle_stretch(corner: Array, uv: Array) -> tuple[Array, Array]:
    """Squared L2 stretch and surface area of triangles (Sander et al. 2001)."""
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    doubled = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    safe = np.where(np.abs(doubled) < 1e-12, 1e-12, doubled)[:, None]
    p, q = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    along_u = (p * b[:, 1:] - q * a[:, 1:]) / safe
    along_v = (q * a[:, :1] - p * b[:, :1]) / safe
    square = ((along_u**2).sum(1) + (along_v**2).sum(1)) / 2
    return square, np.linalg.norm(np.cross(p, q), axis=1) / 2
