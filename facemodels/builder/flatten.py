"""Texture charts without overlaps: a first one on a convex outline, which is then evened out.

Tutte 1963 / Floater 1997: with a convex rim and positive edge weights no triangle overlaps another.
Yoshizawa, Belyaev, Seidel 2004: dividing the weights by the local stretch evens out the density.

Rabinovich et al., Scalable Locally Injective Mappings, 2017: the symmetric Dirichlet energy is
lowered and no triangle ever flips. Every step solves a quadratic proxy, then goes along it as far
as the energy falls. Vertices of the rim are drawn to an outline along which they slide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu, spsolve

from ..subdivide import edge_table
from .hm08 import Array, Index
from .net import Net, Outline

_STEPS = 60
_ENOUGH = 1e-4  # a step that lowers the energy by less than this share is the last one
_RIM_PULL = 400.0

_ROUNDS = 5


@dataclass(frozen=True)
class Hold:
    """What keeps a chart in place.

    rim (R,) vertices drawn to `outline`, with weights `pull` (R,) that sum to about 1; free (V,2)
    the coordinates that may change.
    """

    rim: Index
    pull: Array
    outline: Outline
    free: NDArray[np.bool_]

    @classmethod
    def of(cls, place: Array, rim: Index, outline: Outline, free: NDArray[np.bool_]) -> Hold:
        """Pull the free vertices of a rim (N,) by their shares of its length."""
        share = np.linalg.norm(place[rim] - place[np.roll(rim, 1)], axis=1)
        movable = free[rim].any(1)
        return cls(rim[movable], share[movable] / share.sum(), outline, free)


def relax(place: Array, net: Net, hold: Hold) -> Array:
    """The places (V,2) of least energy near `place` (V,2), in which no triangle may be flipped."""
    slopes = net.slopes()
    energy = _held_energy(place, net, slopes, hold)
    for _ in range(_STEPS):
        step = _step(place, net, slopes, hold)
        size = min(1.0, 0.9 * _until_flip(place, step, net.corners, slopes))
        while (lower := _held_energy(place + size * step, net, slopes, hold)) > energy:
            size /= 2
            if size < 1e-9:
                return place
        place = place + size * step
        if energy - lower < _ENOUGH * energy:
            break
        energy = lower
    return place


def jacobians(place: Array, corners: Index, slopes: Array) -> Array:
    """Derivatives (T,2,2) of the chart by the wanted plane."""
    return np.einsum("tvc,tvb->tcb", place[corners], slopes)


def energies(jacobian: Array) -> Array:
    """|J|^2 + |J^-1|^2 (T,), 4 for an isometry; inf where flipped."""
    determinant = np.linalg.det(jacobian)
    square = (jacobian**2).sum((1, 2))
    inverse = 1 / np.where(determinant > 0, determinant, 1) ** 2
    return np.where(determinant > 0, square * (1 + inverse), np.inf)


def _held_energy(place: Array, net: Net, slopes: Array, hold: Hold) -> float:
    away, _ = hold.outline.offset(place[hold.rim])
    stretch = energies(jacobians(place, net.corners, slopes))
    return float(net.weight @ stretch + _RIM_PULL * (hold.pull @ away**2))


def _step(place: Array, net: Net, slopes: Array, hold: Hold) -> Array:
    """To the minimum (V,2) of the quadratic proxy at `place`."""
    u, s, v = np.linalg.svd(jacobians(place, net.corners, slopes))
    metric = np.einsum("tik,tk,tjk->tij", u, (s + 1) * (s * s + 1) / s**3, u)
    pull = np.einsum("tik,tk,tkj->tij", u, s - s**-3.0, v)  # half the energy's derivative by J
    inner = np.einsum("t,tvb,twb->tvw", net.weight, slopes, slopes)
    blocks = np.einsum("tvw,tcd->tvcwd", inner, metric).reshape(-1, 6, 6)
    force = np.einsum("t,tvb,tcb->tvc", net.weight, slopes, pull).reshape(-1, 6)
    away, normal = hold.outline.offset(place[hold.rim])
    strength = _RIM_PULL * hold.pull
    rim_blocks = np.einsum("r,rc,rd->rcd", strength, normal, normal)
    rim_force = (strength * away)[:, None] * normal
    matrix, right = _assembled(net.corners, blocks, force, place.size)
    rim_matrix, rim_right = _assembled(hold.rim[:, None], rim_blocks, rim_force, place.size)
    free = np.flatnonzero(hold.free)
    out = np.zeros(place.size)
    solver = splu((matrix + rim_matrix)[free][:, free])
    out[free] = -solver.solve((right + rim_right)[free])
    return out.reshape(-1, 2)


def _assembled(
    vertices: Index, blocks: Array, force: Array, size: int
) -> tuple[sparse.csc_matrix, Array]:
    """Sum of dense blocks (N,2K,2K) and forces (N,2K) of groups of vertices (N,K)."""
    unknown = (vertices[:, :, None] * 2 + [0, 1]).reshape(len(vertices), -1)
    rows = np.broadcast_to(unknown[:, :, None], blocks.shape).ravel()
    columns = np.broadcast_to(unknown[:, None, :], blocks.shape).ravel()
    matrix = sparse.coo_matrix((blocks.ravel(), (rows, columns)), (size, size))
    return matrix.tocsc(), np.bincount(unknown.ravel(), force.ravel(), size).astype(float)


def _until_flip(place: Array, step: Array, corners: Index, slopes: Array) -> float:
    """The smallest positive multiple of the step at which a triangle loses its area."""
    now, change = jacobians(place, corners, slopes), jacobians(step, corners, slopes)
    a, c = np.linalg.det(change), np.linalg.det(now)
    b = np.linalg.det(now + change) - a - c
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(b * b - 4 * a * c)
        first = np.stack([2 * c / (root - b), 2 * c / (-root - b)])
    return float(np.where(first > 0, first, np.inf).min())  # no real root: NaN > 0 is false


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
