"""Our head laid on the mean of scanned heads, by regularised fits of the shapes it can take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...geometry.nonrigid import NonrigidConfig, nonrigid_icp
from .hm08 import Array, Index
from .shape_space import ShapeSpace, kernel
from .surface import vertex_normals

# Steps of the registration: how far the closest point may be, mm; the ridge; the weight of a
# landmark against that of a vertex.
_STEPS = ((30.0, 100.0, 10.0), (15.0, 30.0, 10.0), (10.0, 10.0, 4.0), (8.0, 10.0, 2.0),
          (8.0, 10.0, 2.0))  # fmt: skip
_SLIDING = 0.12  # weight of a displacement along the surface against one across it
_NEIGHBOURS, _FACING = 12, 0.4
_FREE = 7  # the similarity's columns
_ROUNDS, _PEOPLE, _MARK = 12, 9.0, 6.0  # of the fit of people: ridge, and weight of a landmark
_BENDING = NonrigidConfig(stiffness=(50, 20, 10, 5, 2, 1, 0.5), max_distance=12)
_TARGET_PRECISION = 8.0  # of a target's weight, 1 / variance


@dataclass(frozen=True)
class Place:
    """Where vertices (V,) lie on another surface: corners (V,3) and barycentric weights (V,3)."""

    corners: Index
    weights: Array

    def on(self, vertices: NDArray) -> Array:
        """Positions (...,V,3) on shapes (...,W,3) of that surface."""
        return np.einsum("vk,...vkc->...vc", self.weights, vertices[..., self.corners, :])


class Fitter:
    """Least squares of a shape space on some of its vertices, with a ridge.

    Args:
        rest: (V,3) mm, the fitted vertices without any weight.
        shapes: (N,V,3) mm of a weight of 1.
        penalty: (N,N), see `ridge_matrix`.
    """

    def __init__(self, rest: Array, shapes: NDArray[np.float32], penalty: Array) -> None:
        self.rest = rest
        self._columns = np.concatenate([_similarities(rest), shapes.reshape(len(shapes), -1)])
        self._penalty = penalty

    def solve(
        self, wanted: Array, normals: Array, across: Array, along: Array, ridge: float,
        marks: tuple[Index, Array, float] | None = None,
    ) -> Array:  # fmt: skip
        """A similarity (7) and weights (N,) that bring the vertices to `wanted` (V,3).

        Args:
            normals: (V,3); across, along: (V,) weights of errors across and along the surface.
            marks: vertices, their positions (L,3) and the weight of each.
        """
        c, gap = self._columns, wanted - self.rest
        count = len(self.rest)
        normal = np.einsum("kvc,vc->kv", c.reshape(len(c), count, 3), normals.astype(np.float32))
        side = np.repeat(along, 3).astype(np.float32)
        extra = (across - along).astype(np.float32)
        gram = ((c * side) @ c.T + (normal * extra) @ normal.T).astype(np.float64)
        right = c @ (gap.ravel() * side) + normal @ ((gap * normals).sum(1) * extra)
        if marks is not None:
            ids, points, weight = marks
            rows = c.reshape(len(c), count, 3)[:, ids].reshape(len(c), -1).astype(np.float64)
            gram += weight * rows @ rows.T
            right += weight * rows @ (points - self.rest[ids]).ravel()
        return self._regularised(gram, right[:, None], ridge)[:, 0]

    def solve_many(self, displacements: Array, weight: Array, ridge: float) -> Array:
        """Weights (M,N) of displacements (M,V,3) of aligned heads, vertices weighing (V,)."""
        c, side = self._columns[_FREE:], np.repeat(weight, 3).astype(np.float32)
        right = (c * side) @ displacements.reshape(len(displacements), -1).T.astype(np.float32)
        gram = ((c * side) @ c.T).astype(np.float64) + ridge * self._penalty
        return np.linalg.solve(gram, right.astype(np.float64)).T

    def moved(self, solution: Array) -> Array:
        """The vertices (V,3) under what `solve` found."""
        flat = solution.astype(np.float32) @ self._columns
        return self.rest + flat.reshape(-1, 3)

    def _regularised(self, gram: Array, right: Array, ridge: float) -> Array:
        whole = gram.astype(np.float64)
        whole[_FREE:, _FREE:] += ridge * self._penalty
        whole[np.diag_indices(len(whole))] += 1e-6 * np.trace(whole) / len(whole)
        return np.asarray(np.linalg.solve(whole, right.astype(np.float64)), np.float64)


def ridge_matrix(space: ShapeSpace, controls: list[Array]) -> Array:
    """The prior's precision (N,N): of targets, and the kernel over the variance of smooth shapes.

    Targets are sculpted with wrinkles, which pay where a smooth shape would do as well; hence
    theirs is high.

    Args:
        controls: positions (C,3) of the control points of each length.
    """
    out = np.zeros((len(space), len(space)))
    start = len(space.targets)
    out[np.arange(start), np.arange(start)] = _TARGET_PRECISION
    for level, centres in zip(space.smooth, controls, strict=True):
        block = kernel(centres, centres, level.length) / level.deviation**2
        for _ in range(3):
            end = start + len(centres)
            out[start:end, start:end] = block
            start = end
    return out


class Target:
    """A triangle surface that closest points are looked for on.

    Args:
        vertices: (W,3) mm; faces: (F,3).
    """

    _SPOTS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0],
                       [0, 0.5, 0.5], [0.5, 0, 0.5], [0.6, 0.2, 0.2], [0.2, 0.6, 0.2],
                       [0.2, 0.2, 0.6]])  # fmt: skip

    def __init__(self, vertices: Array, faces: Index) -> None:
        self._corners = np.repeat(faces, len(self._SPOTS), 0)
        self._weights = np.tile(self._SPOTS, (len(faces), 1))
        normals = vertex_normals(vertices, faces)
        self.points = np.einsum("nk,nkc->nc", self._weights, vertices[self._corners])
        self.normals = np.einsum("nk,nkc->nc", self._weights, normals[self._corners])
        self._tree = cKDTree(self.points)

    def closest(self, points: Array, normals: Array) -> tuple[Index, NDArray[np.bool_]]:
        """The nearest sample of each point (V,3) that faces the same way, and whether one does."""
        distance, near = self._tree.query(points, k=_NEIGHBOURS)
        facing = (normals[:, None] * self.normals[near]).sum(2)
        best = (distance - 4 * facing).argmin(1)
        rows = np.arange(len(points))
        return near[rows, best], facing[rows, best] > _FACING

    def place(self, samples: Index) -> Place:
        """Where the samples lie in the triangles."""
        return Place(self._corners[samples], self._weights[samples])


def register(
    fitter: Fitter, faces: Index, target: Target, trust: Array, marks: tuple[Index, Array]
) -> tuple[Array, Array, Place]:
    """Bring our head onto another surface.

    Args:
        fitter: of all vertices of our skin (V).
        faces: (F,3) our triangles.
        target: the surface, roughly aligned with our head.
        trust: (V,) how much each vertex's closest point counts.
        marks: our vertices that are landmarks, and where they lie on the surface (L,3).

    Returns:
        the weights (N,), our vertices (V,3) as they are then, and their places on the surface.
    """
    current, nothing = fitter.rest, np.full(len(fitter.rest), 1e-6)
    normals = vertex_normals(current, faces)
    solution = fitter.solve(current, normals, nothing, nothing, 300.0, (*marks, 50.0))
    for reach, ridge, weight in _STEPS:
        current = fitter.moved(solution)
        samples, facing = target.closest(current, vertex_normals(current, faces))
        wanted = target.points[samples]
        near = np.linalg.norm(wanted - current, axis=1) < reach
        across = (facing & near) * trust + 1e-6
        solution = fitter.solve(
            wanted, target.normals[samples], across, across * _SLIDING, ridge, (*marks, weight)
        )
    current = fitter.moved(solution)
    samples, _ = target.closest(current, vertex_normals(current, faces))
    return solution[_FREE:], current, target.place(samples)


def bend(
    people: Fitter,
    faces: Index,
    goal: tuple[Array, Index],
    trust: Array,
    marks: tuple[Index, Array],
) -> Array:
    """Bend our head onto another surface, first as people differ and then freely.

    The first registration knows of people only that they are smooth. Once it is known how they
    differ, points slide less along the surface.

    Args:
        people: of their factors about our mean, with the penalty of N(0,1).
        faces: (F,3) our triangles.
        goal: vertices (W,3) and triangles of the surface, aligned with our mean.
        trust, marks: as of `register`.

    Returns:
        our vertices (V,3) on the surface.
    """
    target, current = Target(*goal), people.rest
    for _ in range(_ROUNDS):
        samples, facing = target.closest(current, vertex_normals(current, faces))
        solution = people.solve(
            target.points[samples], target.normals[samples], facing * trust + 1e-6,
            np.full(len(current), 1e-6), _PEOPLE, (*marks, _MARK),
        )  # fmt: skip
        current = people.moved(solution)
    return nonrigid_icp(current, faces, *goal, landmarks=marks, config=_BENDING)


def similarity(source: Array, target: Array) -> tuple[float, Array, Array]:
    """s, R (3,3), t (3,) with s * source @ R + t nearest to target (N,3) in the mean of squares."""
    middle, goal = source.mean(0), target.mean(0)
    a, b = source - middle, target - goal
    u, d, vt = np.linalg.svd(a.T @ b)
    flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation, scale = (u * flip) @ vt, float((d * flip).sum() / (a**2).sum())
    return scale, rotation, goal - scale * middle @ rotation


def _similarities(points: Array) -> NDArray[np.float32]:
    """Displacements (7,3V) of small moves, turns and changes of size."""
    arms = points - points.mean(0)
    reach = np.sqrt((arms**2).sum(1).mean())
    moves = [np.tile(axis, (len(points), 1)) for axis in np.eye(3)]
    turns = [np.cross(axis, arms) / reach for axis in np.eye(3)]
    return np.stack([*moves, *turns, arms / reach]).reshape(_FREE, -1).astype(np.float32)
