"""Strand coordinates for hair that comes without a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

Array = NDArray[Any]

_AXIS = (0.0, -80.0)  # x and z of the line that azimuth turns about, mm in model space
_LENGTH = 25.0  # mm along a strand per unit of v
_LONGEST = 60.0
_SAME = 2  # decimals of a mm: vertices at one place are one
_LEAST = 1e-6
_STEEP = 0.2
"""Mean sine of the edges that rise from a tip."""


def strand_coordinates(
    points: Array, faces: Array, every_side: bool = False
) -> NDArray[np.float32]:
    """Coordinates (f,3,2) per corner: u the azimuth round the head, v the way from the tips.

    u is in turns, 0 in front, growing to the subject's left, and continuous over each face. v is
    the way along the hair to the nearest edge at which it ends, in 25 mm, at most 2.4; hair that
    ends nowhere has 1.2. Hair ends where it has nothing below: not at a parting, and not where
    two strips lie side by side.

    Args:
        points: (n,3) the hair on the mean head, mm in model space. faces: (f,3).
        every_side: hair ends at every edge that only one face has.
    """
    around = np.arctan2(points[:, 0] - _AXIS[0], points[:, 2] - _AXIS[1]) / (2 * np.pi)
    along = np.minimum(_from_ends(points, faces, every_side), _LONGEST) / _LENGTH
    uv = np.stack([around, along], 1)[faces]
    split = np.ptp(uv[..., 0], 1) > 0.5  # a face across the seam
    uv[split, :, 0] %= 1
    return uv.astype(np.float32)


def _from_ends(points: Array, faces: Array, every_side: bool) -> Array:
    """The way (n,) along edges to the nearest end, mm."""
    _, places = np.unique(np.round(points, _SAME), axis=0, return_inverse=True)
    places = places.ravel()
    count = int(places.max()) + 1
    position = np.empty((count, 3))
    position[places] = points
    corners = places[faces]
    sides = np.sort(np.stack([corners, np.roll(corners, -1, 1)], -1).reshape(-1, 2), 1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    rim = np.unique(edges[uses == 1])
    ends = rim if every_side else _tips(position, edges, rim)
    if not len(ends):
        return np.full(len(points), _LONGEST / 2)
    lengths = np.linalg.norm(position[edges[:, 0]] - position[edges[:, 1]], axis=1) + _LEAST
    graph = sparse.coo_matrix((lengths, edges.T), shape=(count, count)).tocsr()
    far = dijkstra(graph, directed=False, indices=ends, min_only=True, limit=_LONGEST)
    return far[places]


def _tips(position: Array, edges: Array, rim: Array) -> Array:
    """Those of the vertices `rim` whose neighbours lie above them."""
    rise, count = np.zeros(len(position)), np.zeros(len(position))
    for one, other in ((0, 1), (1, 0)):
        step = position[edges[:, other]] - position[edges[:, one]]
        steep = step[:, 1] / (np.linalg.norm(step, axis=1) + _LEAST)
        np.add.at(rise, edges[:, one], steep)
        np.add.at(count, edges[:, one], 1)
    return rim[rise[rim] > _STEEP * count[rim]]
