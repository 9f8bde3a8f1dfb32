"""The model's albedo without its brows: what lies under brows that are painted otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ...geometry.face_model import FaceModel

Array = NDArray[Any]
_MM = 9.0
"""The model's brows reach this far from their landmarks."""


@dataclass(frozen=True)
class BareBrows:
    """Skin under the brows, continued from round about.

    Attributes:
        inner: (n,) vertices of the brows; ring: (m,) those round about.
        weights: (n,m) float32, of the ring's colours at the inner vertices.
    """

    inner: Array
    ring: Array
    weights: Array

    @classmethod
    def of(cls, model: FaceModel, lines: Array) -> BareBrows:
        """Harmonic weights on the mean head for brows along points (N,3), mm."""
        points, faces = model.mean.numpy(), model.faces.numpy()
        near = np.zeros(len(points), bool)
        for place in lines:
            near |= ((points - place) ** 2).sum(1) < _MM**2
        near &= model.region("skin").numpy()
        ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        ends = ends[near[ends].any(1)]
        inner = np.flatnonzero(near)
        ring = np.setdiff1d(ends, inner)
        place = np.full(len(points), -1)
        place[inner], place[ring] = np.arange(len(inner)), np.arange(len(ring))
        one, two = np.concatenate([ends, ends[:, ::-1]]).T
        own = near[one]
        one, two = one[own], two[own]
        graph = _graph(place, one, two, near[two], (len(inner), len(inner)))
        rim = _graph(place, one, two, ~near[two], (len(inner), len(ring)))
        degree = np.asarray(graph.sum(1) + rim.sum(1)).ravel()
        weights = splu((sparse.diags(degree) - graph).tocsc()).solve(rim.toarray())
        return cls(inner, ring, weights.astype(np.float32))

    def fill(self, colours: Array) -> NDArray[np.float32]:
        """Colours (V,3) with the brows painted over by skin."""
        out = colours.copy()
        out[self.inner] = self.weights @ colours[self.ring]
        return out


def _graph(
    place: Array, one: Array, two: Array, chosen: Array, shape: tuple[int, int]
) -> sparse.csr_matrix:
    ones = np.ones(int(chosen.sum()))
    rows, columns = place[one[chosen]], place[two[chosen]]
    return sparse.csr_matrix((ones, (rows, columns)), shape=shape)
