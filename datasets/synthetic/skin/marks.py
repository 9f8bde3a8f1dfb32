"""Marks of the skin's atlas: moles, and the bare skin under brows that are painted otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ....core.jit import kernel
from ....geometry.face_model import FaceModel

Array = NDArray[Any]

_DENSITY = np.array([0.75, 1.1, 1.3], np.float32)
"""Optical density of the darkest mole."""

_SOFT = 0.6
"""Texels over which a mole ends."""

_MM = 9.0
"""The model's brows reach this far from their landmarks."""


def stamp_moles(rng: np.random.Generator, detail: Array, places: Array) -> None:
    """Darken a detail map (S,S,3) uint8 at a few of the places, in place.

    Args:
        rng: source of chance.
        detail: factors on the skin's colour.
        places: (n,) texels of skin, row * S + column.
    """
    count = min(int(rng.exponential(2.2)), 14)
    if count == 0:
        return
    texels = places[rng.integers(0, len(places), count)]
    size = detail.shape[1]
    spots = np.empty((count, 7), np.float32)
    spots[:, 0], spots[:, 1] = texels % size, texels // size
    spots[:, 2] = 0.7 + rng.exponential(0.55, count).clip(0, 2.2)
    spots[:, 3] = rng.uniform(0.65, 1, count)
    spots[:, 4:6] = rng.uniform(0, 2 * np.pi, (count, 2))
    spots[:, 6] = rng.uniform(0.25, 1, count)
    _stamp(spots, _DENSITY, np.float32(_SOFT), detail)


@kernel
def _stamp(spots: Array, density: Array, soft: float, detail: Array) -> None:
    """Spots (N,7): column, row, radius, flatness, turn, phase of the outline, strength."""
    zero, one = np.float32(0), np.float32(1)
    for n in range(len(spots)):
        x, y, radius, flat, turn, phase, strength = spots[n]
        c, s, reach = math.cos(turn), math.sin(turn), int(radius * 1.4 + 2)
        for row in range(max(int(y) - reach, 0), min(int(y) + reach + 1, detail.shape[0])):
            for column in range(max(int(x) - reach, 0), min(int(x) + reach + 1, detail.shape[1])):
                dx, dy = column - x, row - y
                along, across = c * dx + s * dy, (c * dy - s * dx) / flat
                outline = radius * (
                    one + np.float32(0.2) * math.sin(3 * math.atan2(across, along) + phase)
                )
                inside = (outline - math.sqrt(along * along + across * across)) / soft + np.float32(
                    0.5
                )
                share = strength * min(max(inside, zero), one)
                for k in range(3):
                    factor = math.exp(-share * density[k])
                    detail[row, column, k] = int(detail[row, column, k] * factor + 0.5)


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
        inside = near[one]
        one, two = one[inside], two[inside]
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
