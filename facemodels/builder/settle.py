"""Small repairs of the fitted head: the neck's base even, lips closed, eye pockets at the eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..parts import CAVITY, FACE, MOUTH, SKIN
from ..rim import rim_loops
from ..subdivide import catmull_clark, edge_table
from .head import Head
from .hm08 import Array, Index
from .surface import landmark_vertices

_RIM_ROUNDS, _RINGS, _RELAX_ROUNDS = 12, 2, 8
_UPPER_LIP, _LOWER_LIP = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]
_LIP_ROUNDS, _EDGE = 6, 0.15  # mm about the line between the lips in which the side is unsure
_LIP_REACH = 6.0  # mm over which a lip follows its edge
_POCKET_ROUNDS = 3
_OVERLAP = 0.15  # mm by which the edges pass each other, so that nothing shines through


def settle_mean(head: Head, mean: Array) -> Array:
    """The level-0 mean head (V,3) mm, repaired."""
    return close_lips(head, level_neck(mean, head.quads))


def level_neck(mean: Array, quads: Index) -> Array:
    """Bring the neck's rim onto a plane and an even curve, and the rings above it after it."""
    rim = rim_loops(quads)[-1]
    curve = mean[rim]
    for _ in range(_RIM_ROUNDS):
        curve = curve / 2 + (np.roll(curve, 1, 0) + np.roll(curve, -1, 0)) / 4
    across = np.stack([np.ones(len(rim)), curve[:, 2]], 1)
    level = np.linalg.lstsq(across, curve[:, 1], rcond=None)[0]
    curve[:, 1] = across @ level
    out = mean.copy()
    out[rim] = curve
    near, average = _rings(quads, rim, len(mean))
    for _ in range(_RELAX_ROUNDS):
        out[near] = (average @ out)[near]
    return out


def _rings(quads: Index, rim: Index, count: int) -> tuple[Index, sparse.csr_matrix]:
    """The vertices within a few edges of the rim, without it, and the mean of neighbours."""
    average = _neighbours(quads, count)
    reached = np.zeros(count)
    reached[rim] = 1
    for _ in range(_RINGS):
        reached = np.where(reached + average @ reached > 0, 1.0, 0.0)
    reached[rim] = 0
    return np.flatnonzero(reached), average


def _neighbours(quads: Index, count: int) -> sparse.csr_matrix:
    """The matrix (V,V) that takes means over each vertex's neighbours."""
    edges = edge_table(quads)[0]
    graph = sparse.csr_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    graph = graph + graph.T
    total = np.maximum(np.asarray(graph.sum(1)).ravel(), 1)
    return (sparse.diags(1 / total) @ graph).tocsr()


def close_lips(head: Head, mean: Array) -> Array:
    """Move each lip towards the other by half the gap, the less the farther from its edge.

    The mean of scanned heads keeps its lips a fraction of a millimetre apart.
    """
    lips, out = _Lips(head, mean), mean.copy()
    overlap = np.full(len(_UPPER_LIP), _OVERLAP)
    overlap[[0, -1]] = 0
    for _ in range(_LIP_ROUNDS):
        out[:, 1] += lips.pull @ (lips.gap(out) + overlap)
    return out


def seal_lips(head: Head, mean: Array, basis: NDArray[np.float32]) -> None:
    """Take out of modes (K,V,3), in place, what parts the lips: to open the mouth is expression.

    Args:
        mean: (V,3), its lips not closed yet, so that each lip is known by its side of the gap.
    """
    lips = _Lips(head, mean)
    for mode in basis:
        for _ in range(_LIP_ROUNDS):
            mode[: len(mean), 1] += lips.pull @ lips.gap(mode[: len(mean)])


class _Lips:
    """The gap between the lips, and what closes it.

    pull: (V,G) how far up each vertex goes per millimetre of gap at each of G places.
    """

    def __init__(self, head: Head, mean: Array) -> None:
        matrix, _ = catmull_clark(head.quads, len(head.keep))
        marks = landmark_vertices(head)
        self._upper, self._lower = matrix[marks[_UPPER_LIP]], matrix[marks[_LOWER_LIP]]
        middle = (self._upper @ mean + self._lower @ mean) / 2
        self._order = np.argsort(middle[:, 0])
        middle = middle[self._order]
        x, y, z = mean.T
        height, depth = (np.interp(x, middle[:, 0], middle[:, k]) for k in (1, 2))
        beyond = np.maximum(np.abs(x) - middle[-1, 0], 0)
        far = (y - height) ** 2 + (z - depth) ** 2 + beyond**2
        weight = np.tanh((y - height) / _EDGE) * np.exp(-far / (2 * _LIP_REACH**2)) / 2
        weight *= head.used_by(FACE, SKIN, MOUTH)
        hats = [np.interp(x, middle[:, 0], hat) for hat in np.eye(len(middle))]
        self.pull = -weight[:, None] * np.stack(hats, 1)

    def gap(self, points: NDArray) -> Array:
        """Upper less lower edge (G,) of points or displacements (V,3), from right to left."""
        return (self._upper @ points - self._lower @ points)[self._order, 1]


def follow_eyes(head: Head, moved: NDArray[np.float32], eyes: NDArray[np.float32]) -> None:
    """Let the pockets behind the lids go along with the eyeballs, in place.

    Shapes fitted to skin say nothing of what lies behind it.

    Args:
        moved: (K,V,3) displacements of the head; eyes: (K,V,3) those of the eyeball on each
            vertex's side, as if it were part of it.
    """
    hidden = head.used_by(CAVITY) & ~head.used_by(FACE, SKIN, MOUTH)
    inside = np.flatnonzero(hidden)
    moved[:, inside] = eyes[:, inside]
    average = _neighbours(head.quads, len(head.keep))
    for mode in moved:
        for _ in range(_POCKET_ROUNDS):
            mode[inside] = average[inside] @ mode
