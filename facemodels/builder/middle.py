"""The middle of the face: people are compared there, whatever moves, turns or enlarges the head.

Modes that hold a move, a turn or a change of size of it would be worth something else to everyone
who fits faces, by how he takes the pose out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..parts import FACE
from ..subdivide import catmull_clark
from .head import Head
from .hm08 import Array
from .surface import landmark_vertices

_RADIUS, _EAR = 95.0, 0.3  # mm round the tip of the nose; of the ears' mask
_NOSE_TIP = 30
_RIDGE = 1e-3  # mm^2 a vertex, next to nothing


class Middle:
    """The skin within 95 mm of the nose's tip, without ears, at level 1; N vertices.

    Args:
        head: the level-0 head, V vertices.
        points: (P,3) mm, the mean head's V vertices and others that go along after them.
    """

    def __init__(self, head: Head, points: Array) -> None:
        matrix, quads = catmull_clark(head.quads, len(head.keep))
        skin = np.unique(quads[np.tile(head.part, 4) == FACE])
        fine = matrix @ points[: len(head.keep)]
        tip = fine[landmark_vertices(head)[_NOSE_TIP]]
        near = np.linalg.norm(fine[skin] - tip, axis=1) < _RADIUS
        skin = skin[near & ((matrix @ head.masks["ears"])[skin] < _EAR)]
        self._rows: sparse.csr_matrix = matrix[skin].astype(np.float32)
        arms = points - fine[skin].mean(0)
        moves = [np.tile(axis, (len(points), 1)) for axis in np.eye(3)]
        turns = [np.cross(axis, arms) for axis in np.eye(3)]
        self._free = np.stack([*moves, *turns, arms]).astype(np.float32)

    def of(self, moved: NDArray) -> Array:
        """Displacements (K,3N) of the middle of the face under those (K,P,3) of all points."""
        flat = np.swapaxes(moved[:, : self._rows.shape[1]], 0, 1)
        there = self._rows @ flat.reshape(len(flat), -1)
        return np.swapaxes(there.reshape(-1, *flat.shape[1:]), 0, 1).reshape(len(moved), -1)

    def aligned(self, moved: NDArray[np.float32]) -> NDArray[np.float32]:
        """Displacements (K,P,3) without the move, turn and change of size that is in them."""
        rows = self.of(self._free).astype(np.float64)
        share = np.linalg.solve(rows @ rows.T, rows @ self.of(moved).T)
        change = share.T.astype(np.float32) @ self._free.reshape(len(self._free), -1)
        return moved - change.reshape(moved.shape)

    def deviations(self, basis: NDArray[np.float32], people: NDArray[np.float32]) -> Array:
        """Standard deviations (K,) of the coefficients of best fits of modes (K,P,3) to people.

        Args:
            people: (F,P,3), factors of unit variance.
        """
        rows = self.of(basis).astype(np.float64)
        ridge = _RIDGE * rows.shape[1] / 3 * np.eye(len(rows))
        coefficients = np.linalg.solve(rows @ rows.T + ridge, rows @ self.of(people).T)
        return np.sqrt((coefficients**2).sum(1))
