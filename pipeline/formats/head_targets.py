"""Morph targets of a head's file: which vertices each of them moves, and how normals turn there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from ...geometry.face_model import FaceModel
from .head_parts import Part, split_head

Floats = NDArray[np.float32]
Array = NDArray[Any]

_STILL = 0.02  # mm of the model: what moves less is left out of a morph target
_EVEN = 0.08  # length of the change of a unit normal below which it is left out
_NO_AREA = 1e-12  # twice an area up to this has no direction


@dataclass(frozen=True)
class Change:
    """What one morph target does to one part.

    Attributes:
        places: (n,) the part's own vertices that it moves, ascending.
        rows: (n,) which rows of `Targets` these are.
    """

    places: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Targets:
    """What the files of all faces of one model share. A row is a vertex that a target moves.

    Attributes:
        parts: of the model.
        names: of the targets; none where the model's expressions have no names.
        start: (targets + 1,) the first row of each.
        vertices: (R,) the vertex of each row. moves: (R,3) mm of the model.
        changes: a part's name to what each target does to it.
        faces: (F,3). fans: the faces round each vertex, of vertex v from first[v] to first[v + 1].
    """

    parts: list[Part]
    names: tuple[str, ...]
    start: NDArray[np.int64]
    vertices: NDArray[np.int64]
    moves: Floats
    changes: dict[str, list[Change]]
    faces: NDArray[np.int64]
    first: NDArray[np.int64]
    fans: NDArray[np.int64]

    @classmethod
    def of(cls, model: FaceModel) -> Targets:
        """Those of a model, made once for each."""
        if model not in _KNOWN:
            _KNOWN[model] = cls._made(model)
        return _KNOWN[model]

    @classmethod
    def _made(cls, model: FaceModel) -> Targets:
        parts = split_head(model)
        # Modes that nobody can name are no morph targets.
        names = model.expression_names if model.expression_kind == "blendshape" else ()
        basis = model.expression[: len(names)].float().numpy()
        target, vertices = np.nonzero(np.linalg.norm(basis, axis=2) > _STILL)
        start = np.searchsorted(target, np.arange(len(names) + 1))
        rows = np.full((len(names), len(model.mean)), -1, np.int64)
        rows[target, vertices] = np.arange(len(vertices))
        changes = {p.name: [_change(own) for own in rows[:, p.vertices]] for p in parts}
        faces = model.faces.numpy()
        order = np.argsort(faces.ravel(), kind="stable")
        first = np.searchsorted(faces.ravel()[order], np.arange(len(model.mean) + 1))
        moves = np.ascontiguousarray(basis[target, vertices])
        return cls(parts, names, start, vertices, moves, changes, faces, first, order // 3)

    def turns(
        self, rest: Floats, normals: Floats, scale: float
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """How the normals of all rows turn (R,3), and by how much that shows (R,) bool.

        Args:
            rest: (V,3) mm, true size. normals: (V,3) of unit length, there.
            scale: true size over the model's.
        """
        turns = np.empty_like(self.moves)
        moves = self.moves * np.float32(scale)
        rows = self.start, self.vertices, moves
        turn_normals(rest.copy(), normals, self.faces, self.first, self.fans, *rows, turns)
        return turns, np.einsum("rc,rc->r", turns, turns) > _EVEN**2


_KNOWN: WeakKeyDictionary[FaceModel, Targets] = WeakKeyDictionary()


def _change(rows: NDArray[np.int64]) -> Change:
    places = np.flatnonzero(rows >= 0)
    return Change(places, rows[places])


@kernel
def turn_normals(
    points: Floats, normals: Floats, faces: Array, first: Array, fans: Array, start: Array,
    vertices: Array, moves: Floats, turns: Floats,
) -> None:  # fmt: skip
    """Fill the rows of `turns` (R,3): normals after moving each target's vertices, less before.

    Args:
        points: (V,3) at rest; used to move them, and as before in the end.
        normals: (V,3), at rest.
        faces, first, fans, start, vertices, moves: see `Targets`.
        turns: (R,3), the result.
    """
    still = np.empty_like(points)
    for target in range(len(start) - 1):
        for row in range(start[target], start[target + 1]):
            v = vertices[row]
            for c in range(3):
                still[v, c] = points[v, c]
                points[v, c] += moves[row, c]
        for row in range(start[target], start[target + 1]):
            v = vertices[row]
            x, y, z = _normal(points, faces, fans, first[v], first[v + 1])
            turns[row, 0] = x - normals[v, 0]
            turns[row, 1] = y - normals[v, 1]
            turns[row, 2] = z - normals[v, 2]
        for row in range(start[target], start[target + 1]):
            v = vertices[row]
            for c in range(3):
                points[v, c] = still[v, c]


@inline
def _normal(
    points: Floats, faces: Array, fans: Array, begin: int, end: int
) -> tuple[np.float32, np.float32, np.float32]:
    """The unit normal of a vertex, by the areas of the faces round it; +z where they have none."""
    x = y = z = np.float32(0)
    for k in range(begin, end):
        i, j, m = faces[fans[k], 0], faces[fans[k], 1], faces[fans[k], 2]
        ax, bx = points[j, 0] - points[i, 0], points[m, 0] - points[i, 0]
        ay, by = points[j, 1] - points[i, 1], points[m, 1] - points[i, 1]
        az, bz = points[j, 2] - points[i, 2], points[m, 2] - points[i, 2]
        x += ay * bz - az * by
        y += az * bx - ax * bz
        z += ax * by - ay * bx
    length = np.sqrt(x * x + y * y + z * z)
    if not length > _NO_AREA:
        return np.float32(0), np.float32(0), np.float32(1)
    return x / length, y / length, z / length
