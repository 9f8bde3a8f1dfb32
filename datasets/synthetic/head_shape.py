"""The shape of the default head, fast: level-0 bases, carriers of the inner parts, the rim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from ...facemodels.subdivision_model import WholeHead

Array = NDArray[Any]


@kernel
def combine(mean: Array, basis: Array, weights: Array, out: Array) -> None:
    """out = mean + weights @ basis, flat, four modes at a time; zero weights cost nothing."""
    out[:] = mean
    used = np.flatnonzero(weights)
    whole = len(used) - len(used) % 4
    for k in range(0, whole, 4):
        a, b, c, d = used[k], used[k + 1], used[k + 2], used[k + 3]
        wa, wb, wc, wd = weights[a], weights[b], weights[c], weights[d]
        for n in range(len(out)):
            first = wa * basis[a, n] + wb * basis[b, n]
            out[n] += first + (wc * basis[c, n] + wd * basis[d, n])
    for k in used[whole:]:
        weight = weights[k]
        for n in range(len(out)):
            out[n] += weight * basis[k, n]


@kernel
def _refine(first: Array, columns: Array, weights: Array, coarse: Array, out: Array) -> None:
    """The sparse product of a subdivision matrix with positions (V0,3), into the first rows."""
    for row in range(len(first) - 1):
        x = y = z = np.float32(0)
        for n in range(first[row], first[row + 1]):
            weight, column = weights[n], columns[n]
            x += weight * coarse[column, 0]
            y += weight * coarse[column, 1]
            z += weight * coarse[column, 2]
        out[row, 0], out[row, 1], out[row, 2] = x, y, z


@kernel
def _carry(mean: Array, weights: Array, motion: Array, out: Array) -> None:
    """out = mean + sum_p weights[:,p] * motion[p] @ [mean; 1], for inner parts (n,3)."""
    for v in range(len(mean)):
        x, y, z = mean[v, 0], mean[v, 1], mean[v, 2]
        out[v, 0], out[v, 1], out[v, 2] = x, y, z
        for p in range(len(motion)):
            weight = weights[v, p]
            if weight == 0:
                continue
            for c in range(3):
                m = motion[p, c]
                out[v, c] += weight * (m[0] * x + m[1] * y + m[2] * z + m[3])


@dataclass(frozen=True)
class HeadShape:
    """Bases of the head's vertices V = S subdivided, I inner and N copies of the neck's rim.

    Attributes:
        coarse: mean (V0*3), identity (Ki,V0*3) and expression (Ke,V0*3), before subdivision.
        matrix: rows, columns and weights of the subdivision matrix (S,V0).
        inner: mean (I,3) of eyes, teeth, gums and tongue, and weights (I,P) of their carriers.
        motion: affine motions [A | t] of the carriers, identity (Ki,P*12), expression (Ke,P*12).
        rim: (N,) the vertices that the last N copy.
    """

    coarse: tuple[Array, Array, Array]
    matrix: tuple[Array, Array, Array]
    inner: tuple[Array, Array]
    motion: tuple[Array, Array]
    rim: Array

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray], whole: WholeHead) -> HeadShape:
        """Of the arrays of the model's file, and the head put together from them."""
        rows = whole.matrix.tocsr().astype(np.float32)
        shapes, moves = (flat(arrays[k], len(arrays[k])) for k in ("identity", "expression"))
        return cls(
            coarse=(flat(arrays["mean"]), shapes, moves),
            matrix=(rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data),
            inner=(
                np.ascontiguousarray(arrays["inner_mean"], np.float32),
                np.ascontiguousarray(arrays["inner_weights"], np.float32),
            ),
            motion=(
                flat(arrays["inner_identity"], len(arrays["inner_identity"])),
                flat(arrays["inner_expression"], len(arrays["inner_expression"])),
            ),
            rim=whole.rim.astype(np.int64),
        )

    def coarse_vertices(self, identity: Array, expression: Array) -> NDArray[np.float32]:
        """Positions (V0,3) of one face's skin before subdivision."""
        mean, shapes, moves = self.coarse
        level0 = np.empty_like(mean)
        combine(mean, shapes, identity, level0)
        combine(level0.copy(), moves, expression, level0)
        return level0.reshape(-1, 3)

    def vertices(self, identity: Array, expression: Array) -> NDArray[np.float32]:
        """Positions (V,3) of one face, as `FaceModel.vertices` gives them."""
        return self.refined(self.coarse_vertices(identity, expression), identity, expression)

    def refined(self, level0: Array, identity: Array, expression: Array) -> NDArray[np.float32]:
        """The positions (V,3) that belong to `coarse_vertices` (V0,3)."""
        points, weights = self.inner
        skin = len(self.matrix[0]) - 1
        out = np.empty((skin + len(points) + len(self.rim), 3), np.float32)
        _refine(*self.matrix, level0, out)
        motion = identity @ self.motion[0] + expression @ self.motion[1]
        _carry(points, weights, motion.reshape(-1, 3, 4), out[skin : skin + len(points)])
        out[skin + len(points) :] = out[self.rim]
        return out


def flat(array: Array, rows: int | None = None) -> NDArray[np.float32]:
    """The array as float32, one row, or `rows` of them."""
    shape = (-1,) if rows is None else (rows, -1)
    return np.ascontiguousarray(array, np.float32).reshape(shape)
