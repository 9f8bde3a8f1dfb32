"""Nearest points of a point set or of a triangle surface, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..core.errors import InputError
from .topology import boundary_vertices, check_faces

_ON_EDGE = 1e-9  # barycentric weight up to which a corner has no part in a point


@dataclass(frozen=True)
class Closest:
    """The answer for N query points."""

    points: np.ndarray  # (N, 3), nearest points of the target
    normals: np.ndarray | None  # (N, 3), unit, of the triangles there; None without faces
    on_border: np.ndarray  # (N,) bool: the nearest point lies on an open border


class ClosestPoints:
    """A fixed target that answers which of its points is nearest.

    With faces the target is the surface: the triangles round the nearest vertex are searched
    exactly (Ericson, Real-Time Collision Detection, 5.1.5), so an answer is never farther than
    the nearest vertex; it is the nearest point of the whole surface unless triangles are very
    long. Without faces the target is the points themselves.

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
        self._normals = product[solid] / length[solid, None]
        # Triangles round each vertex in compressed rows.
        corner = faces[solid].reshape(-1)
        self._ring = np.argsort(corner, kind="stable") // 3
        self._degree = np.bincount(corner, minlength=len(points))
        self._start = np.cumsum(self._degree) - self._degree
        self._used = np.flatnonzero(self._degree)
        self._tree = cKDTree(points[self._used])

    def query(self, x: np.ndarray) -> Closest:
        """Nearest points of the target to x (N, 3)."""
        nearest = self._tree.query(x)[1]
        if self._faces is None:
            return Closest(self._points[nearest], None, np.zeros(len(x), dtype=bool))
        vertex = self._used[nearest]
        degree = self._degree[vertex]
        row = np.repeat(np.arange(len(x)), degree)
        begin = np.cumsum(degree) - degree
        local = np.arange(len(row)) - begin[row]
        face = self._ring[self._start[vertex][row] + local]
        weights, square = closest_on_triangles(x[row], self._points[self._faces[face]])
        best = np.lexsort((square, row))[begin]
        corners = self._faces[face[best]]
        points = np.einsum("nk,nkc->nc", weights[best], self._points[corners])
        on_border = (self._border[corners] | (weights[best] <= _ON_EDGE)).all(1)
        return Closest(points, self._normals[face[best]], on_border)


def closest_on_triangles(x: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest point of a triangle with an area: barycentric weights and squared distance.

    Args:
        x: (N, 3).
        corners: (N, 3, 3), one triangle each.

    Returns:
        weights (N, 3), squared distances (N,).
    """
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    gram = np.stack([(p * q).sum(1) for p, q in ((ab, ab), (ab, ac), (ac, ac))])
    right = np.stack([((x - a) * p).sum(1) for p in (ab, ac)])
    area = gram[0] * gram[2] - gram[1] ** 2
    second = (gram[2] * right[0] - gram[1] * right[1]) / area
    third = (gram[0] * right[1] - gram[1] * right[0]) / area
    weights = np.stack((1 - second - third, second, third), 1)
    outside = np.flatnonzero(~(weights >= 0).all(1))
    square = np.square(_at(weights, corners) - x).sum(1)
    square[outside] = np.inf
    for start in range(3):
        edge, distance = _closest_on_edges(x[outside], corners[outside], start)
        better = distance < square[outside]
        weights[outside[better]], square[outside[better]] = edge[better], distance[better]
    return weights, square


def _at(weights: np.ndarray, corners: np.ndarray) -> np.ndarray:
    return np.einsum("nk,nkc->nc", weights, corners)


def _closest_on_edges(
    x: np.ndarray, corners: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and squared distances of the nearest points on the edges start -> start + 1."""
    end = (start + 1) % 3
    along = corners[:, end] - corners[:, start]
    part = ((x - corners[:, start]) * along).sum(1) / np.square(along).sum(1)
    weights = np.zeros((len(x), 3))
    weights[:, end] = part.clip(0, 1)
    weights[:, start] = 1 - weights[:, end]
    return weights, np.square(_at(weights, corners) - x).sum(1)
