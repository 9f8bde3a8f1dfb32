"""Small repairs of the fitted head: the neck's base even, lips closed, eye pockets at the eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..layout import CAVITY, FACE, MOUTH, SKIN
from ..subdivide import catmull_clark, edge_table, rim_loops
from .head import Head
from .hm08 import Array, Index
from .surface import landmark_vertices

_RIM_ROUNDS, _RINGS, _RELAX_ROUNDS = 12, 2, 8
_UPPER_LIP, _LOWER_LIP = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]
_LIP_ROUNDS, _EDGE = 6, 0.15  # mm about the line between the lips in which the side is unsure
_LIP_REACH = 6.0  # mm over which a lip follows its edge
_LEFT_UPPER_LID, _LEFT_LOWER_LID = [42, 43, 44, 45], [42, 47, 46, 45]
_RIGHT_UPPER_LID, _RIGHT_LOWER_LID = [36, 37, 38, 39], [36, 41, 40, 39]
_SHUT = 2.3  # mm by which the lids of the mean pass each other, so that those of large eyes meet
_LID_REACH = 4.0  # mm over which a lid follows its margin
_BULGE, _BULGE_REACH = 0.8, 6.0  # mm that the shut upper lid comes forward, and over how many
_POCKET_ROUNDS = 3
_SUNK = 1.5  # mm under the eyeball's surface at which its pocket lies
_OVERLAP = 0.15  # mm by which the edges pass each other, so that nothing shines through


def settle_mean(head: Head, mean: Array) -> Array:
    """The level-0 mean head (V,3) mm, repaired."""
    return close_lips(head, level_neck(mean, head.quads))


def level_neck(mean: Array, quads: Index) -> Array:
    """Bring the neck's rim onto a plane and an even curve, and the rings above it after it."""
    rim = rim_loops(quads)[-1]
    curve = _evened(mean[rim])
    across = np.stack([np.ones(len(rim)), curve[:, 2]], 1)
    level = np.linalg.lstsq(across, curve[:, 1], rcond=None)[0]
    curve[:, 1] = across @ level
    out = mean.copy()
    out[rim] = curve
    near, average = _rings(quads, rim, len(mean))
    for _ in range(_RELAX_ROUNDS):
        out[near] = (average @ out)[near]
    return out


def even_necks(quads: Index, moved: NDArray[np.float32]) -> None:
    """Let modes (K,V,3) move the neck's rim evenly, and the rings above it with it, in place."""
    rim = rim_loops(quads)[-1]
    near, average = _rings(quads, rim, moved.shape[1])
    rows = average[near]
    for mode in moved:
        mode[rim] = _evened(mode[rim])
        for _ in range(_RELAX_ROUNDS):
            mode[near] = rows @ mode


def _evened(curve: NDArray) -> NDArray:
    """A closed curve (N,3) without its small waves."""
    for _ in range(_RIM_ROUNDS):
        curve = curve / 2 + (np.roll(curve, 1, 0) + np.roll(curve, -1, 0)) / 4
    return curve


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


def shut_lids(head: Head, mean: Array, blink: Array, left: bool) -> None:
    """Let a blink bring the lids of one side far enough together, in place.

    Units are linear and the same for all eyes; some are larger than the mean's. The upper lid comes
    forward, because a straight way down leads through the cornea.

    Args:
        mean: (V+H,3) mm, the head and helpers (lashes) that go along; blink: (V+H,3).
    """
    count = len(head.keep)
    matrix, _ = catmull_clark(head.quads, count)
    pair = (_LEFT_UPPER_LID, _LEFT_LOWER_LID) if left else (_RIGHT_UPPER_LID, _RIGHT_LOWER_LID)
    upper, lower = (matrix[landmark_vertices(head)[lid]] for lid in pair)
    edges = [rows @ mean[:count] for rows in (upper, lower)]
    middle = (edges[0] + edges[1]) / 2
    above = mean[:, 1] > np.interp(mean[:, 0], middle[:, 0], middle[:, 1])
    pull = np.where(above[:, None], -_pull(mean, edges[0]), _pull(mean, edges[1])) / 2
    pull[:count] *= head.used_by(FACE, SKIN)[:, None]
    pull[:, [0, -1]] = 0  # the corners
    bulge = _pull(mean, edges[0], _BULGE_REACH)[:, 1:-1].sum(1) * above
    bulge[:count] *= head.used_by(FACE, SKIN)
    blink[:, 2] += _BULGE * bulge
    for _ in range(_LIP_ROUNDS):
        gap = ((upper - lower) @ (mean + blink)[:count])[:, 1]
        blink[:, 1] += pull @ np.maximum(gap + _SHUT, 0)


def _pull(points: Array, edge: Array, reach: float = _LID_REACH) -> Array:
    """How far points (V,3) follow each of G points of an edge (G,3), ordered along x."""
    x, along = points[:, 0], edge[:, 0]
    near = np.stack([np.interp(x, along, edge[:, k]) for k in range(3)], 1)
    weight = np.exp(-((points - near) ** 2).sum(1) / (2 * reach**2))
    return weight[:, None] * np.stack([np.interp(x, along, hat) for hat in np.eye(len(edge))], 1)


def sink_pockets(head: Head, mean: Array, centre: Array, radius: float) -> None:
    """Lay the pockets behind the lids inside the eyeballs, in place.

    Outside they would come through the lids of people whose skin lies close.

    Args:
        mean: (V,3) mm; centre: (3,) of the left eyeball; radius: of both.
    """
    inside = _pockets(head)
    middle = np.where(mean[inside, :1] > 0, centre, centre * [-1, 1, 1])
    arms = mean[inside] - middle
    far = np.linalg.norm(arms, axis=1, keepdims=True)
    mean[inside] = middle + arms * np.minimum(1, (radius - _SUNK) / far)


def _pockets(head: Head) -> Index:
    return np.flatnonzero(head.used_by(CAVITY) & ~head.used_by(FACE, SKIN, MOUTH))


def follow_eyes(head: Head, moved: NDArray, eyes: NDArray) -> None:
    """Let the pockets behind the lids go along with the eyeballs, in place.

    Shapes fitted to skin say nothing of what lies behind it.

    Args:
        moved: (K,V,3) displacements of the head; eyes: (K,V,3) those of the eyeball on each
            vertex's side, as if it were part of it.
    """
    inside = _pockets(head)
    moved[:, inside] = eyes[:, inside]
    average = _neighbours(head.quads, len(head.keep))
    for mode in moved:
        for _ in range(_POCKET_ROUNDS):
            mode[inside] = average[inside] @ mode
