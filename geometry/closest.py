"""Nearest points of a point set or of a triangle surface, in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..core.errors import InputError
from .topology import boundary_vertices, check_faces

_ON_EDGE = 1e-9  # barycentric weight up to which a corner has no part in a point
_FIRST_CENTRES = 8  # triangles looked at first in an exact search


@dataclass(frozen=True)
class Closest:
    """The nearest points of a target to N query points.

    Attributes:
        points: (N, 3), the nearest points.
        normals: (N, 3), unit, of the triangles there; None without faces.
        on_border: (N,) bool: the nearest point lies on an open border.
        corners: (N, 3), vertices whose weighted sum the points are.
        weights: (N, 3), barycentric.
    """

    points: np.ndarray
    normals: np.ndarray | None
    on_border: np.ndarray
    corners: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class _Group:
    """Triangles of like size."""

    centres: cKDTree
    faces: np.ndarray  # (G,) ids
    radius: np.ndarray  # (G,) how far each reaches from its centre
    largest: float


class ClosestPoints:
    """A fixed target that answers which of its points is nearest.

    With faces the target is the surface: the triangles round the nearest vertex are searched
    exactly (Ericson, Real-Time Collision Detection, 5.1.5), so an answer is never farther than
    the nearest vertex; it is the nearest point of the whole surface unless triangles are very
    long or another sheet is near; `query(x, exact=True)` makes sure. Without faces the target is
    the points themselves.

    >>> corners = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])
    >>> triangle = ClosestPoints(corners, np.array([[0, 1, 2]]))
    >>> triangle.query(np.array([[1.0, 1, 5]])).points.tolist()
    [[1.0, 1.0, 0.0]]

    Args:
        points: (M, 3).
        faces: (F, 3) indices, counter-clockwise seen from outside, or None. Vertices that no
            triangle with an area uses are not part of the surface.

    Raises:
        InputError: indices outside the points, or no triangle with an area.
    """

    def __init__(self, points: np.ndarray, faces: np.ndarray | None = None) -> None:
        self._tree = cKDTree(points)
        self._points = points
        self._faces: np.ndarray | None = None
        if faces is not None:
            self._prepare(points, np.asarray(faces))

    def _prepare(self, points: np.ndarray, faces: np.ndarray) -> None:
        triangles = torch.as_tensor(faces.astype(np.int64))
        check_faces(triangles, len(points))
        self._border = boundary_vertices(triangles, len(points)).numpy()
        a, b, c = points[faces].transpose(1, 0, 2)
        product = np.cross(b - a, c - a)
        length = np.linalg.norm(product, axis=1)
        solid = length > 1e-12 * max(float(length.max(initial=0)), np.finfo(float).tiny)
        if not solid.any():
            raise InputError("target_faces", "a triangle with an area", f"{len(faces)} without")
        self._faces = faces[solid]
        self._corners = points[self._faces]
        self._normals = product[solid] / length[solid, None]
        # Triangles round each vertex in compressed rows.
        corner = faces[solid].reshape(-1)
        self._ring = np.argsort(corner, kind="stable") // 3
        self._degree = np.bincount(corner, minlength=len(points))
        self._start = np.cumsum(self._degree) - self._degree
        self._used = np.flatnonzero(self._degree)
        self._tree = cKDTree(points[self._used])

    def query(self, x: np.ndarray, *, exact: bool = False) -> Closest:
        """Nearest points of the target to x (N, 3).

        Args:
            x: (N, 3).
            exact: search every triangle that could be nearer than those round the nearest
                vertex; slower, and the same nearly everywhere.
        """
        nearest = self._tree.query(x)[1]
        if self._faces is None:
            alone = np.repeat(nearest[:, None], 3, 1), np.tile([1.0, 0.0, 0.0], (len(x), 1))
            return Closest(self._points[nearest], None, np.zeros(len(x), dtype=bool), *alone)
        vertex = self._used[nearest]
        degree = self._degree[vertex]
        row = np.repeat(np.arange(len(x)), degree)
        begin = np.cumsum(degree) - degree
        local = np.arange(len(row)) - begin[row]
        answers = self._best(x, row, self._ring[self._start[vertex][row] + local], begin)
        if exact:
            self._search_on(x, *answers)
        face, weights, _ = answers
        corners = self._faces[face]
        points = np.einsum("nk,nkc->nc", weights, self._points[corners])
        on_border = (self._border[corners] | (weights <= _ON_EDGE)).all(1)
        return Closest(points, self._normals[face], on_border, corners, weights)

    @cached_property
    def _by_size(self) -> list[_Group]:
        """The triangles in groups of like size, each with a tree of their centres."""
        middle = self._corners.mean(1)
        radius = np.linalg.norm(self._corners - middle[:, None], axis=2).max(1)
        octave = np.floor(np.log2(radius / radius.min())).astype(int)
        groups = []
        for size in np.unique(octave):
            ids = np.flatnonzero(octave == size)
            groups.append(_Group(cKDTree(middle[ids]), ids, radius[ids], float(radius[ids].max())))
        return groups

    def _best(
        self, x: np.ndarray, row: np.ndarray, face: np.ndarray, begin: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The nearest of each row's triangles: faces (N,), weights (N, 3), squares (N,)."""
        weights, square = closest_on_triangles(x[row], self._corners[face])
        least = np.minimum.reduceat(square, begin)
        # The first of equals, so that the answer does not depend on how a sort breaks ties.
        first = np.flatnonzero(square == least[row])
        best = first[np.searchsorted(row[first], np.arange(len(x)))]
        return face[best], weights[best], least

    def _search_on(
        self, x: np.ndarray, face: np.ndarray, weights: np.ndarray, square: np.ndarray
    ) -> None:
        """Improve the answers in place until no other triangle can be nearer.

        A triangle's points lie within its radius of its centre, so those with a centre farther
        than the answer so far plus that radius are out.
        """
        for group in self._by_size:
            rows, count, total = np.arange(len(x)), _FIRST_CENTRES, len(group.faces)
            while len(rows):
                take = min(count, total)
                far, near = group.centres.query(x[rows], k=take)
                far, near = far.reshape(-1, take), near.reshape(-1, take)
                limit = np.sqrt(square[rows])[:, None]
                which, column = np.nonzero(far - group.radius[near] < limit)
                candidate = group.faces[near[which, column]]
                self._improve(x, rows[which], candidate, face, weights, square)
                done = far[:, -1] - group.largest > np.sqrt(square[rows])
                rows, count = rows[~done] if take < total else rows[:0], 4 * count

    def _improve(
        self,
        x: np.ndarray,
        row: np.ndarray,
        candidate: np.ndarray,
        face: np.ndarray,
        weights: np.ndarray,
        square: np.ndarray,
    ) -> None:
        """Take over the candidates that are nearer than the answers of their rows, in place."""
        candidate_weights, distance = closest_on_triangles(x[row], self._corners[candidate])
        least = square.copy()
        np.minimum.at(least, row, distance)
        # Written from the last to the first, so that the first of equals stays.
        hit = np.flatnonzero((distance == least[row]) & (distance < square[row]))[::-1]
        at = row[hit]
        face[at], weights[at], square[at] = candidate[hit], candidate_weights[hit], distance[hit]


def closest_on_triangles(x: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest point of a triangle with an area: barycentric weights and squared distance.

    Args:
        x: (N, 3).
        corners: (N, 3, 3), one triangle each.

    Returns:
        weights (N, 3), squared distances (N,).
    """
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    aa, cross, cc = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    right = x - a
    along, across = _dot(right, ab), _dot(right, ac)
    area = aa * cc - cross**2
    weights = np.empty((len(x), 3))
    weights[:, 1] = (cc * along - cross * across) / area
    weights[:, 2] = (aa * across - cross * along) / area
    weights[:, 0] = 1 - weights[:, 1] - weights[:, 2]
    gap = weights[:, 1:2] * ab + weights[:, 2:] * ac - right
    square = _dot(gap, gap)
    outside = np.flatnonzero(weights.min(1) < 0) if len(x) else np.arange(0)
    square[outside] = np.inf
    near, triangle = x[outside], corners[outside]
    for start in range(3):
        edge, distance = _closest_on_edges(near, triangle, start)
        better = distance < square[outside]
        weights[outside[better]], square[outside[better]] = edge[better], distance[better]
    return weights, square


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nc,nc->n", a, b)


def _closest_on_edges(
    x: np.ndarray, corners: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and squared distances of the nearest points on the edges start -> start + 1."""
    end = (start + 1) % 3
    along, to = corners[:, end] - corners[:, start], x - corners[:, start]
    part = (_dot(to, along) / _dot(along, along)).clip(0, 1)
    weights = np.zeros((len(x), 3))
    weights[:, end] = part
    weights[:, start] = 1 - part
    gap = part[:, None] * along - to
    return weights, _dot(gap, gap)
