"""Teeth move as two rigid rows.

A .mhclo gives offsets directions that never turn, so that gums 20 mm below the vertices they hang
on come out of the chin when the jaw opens. Each row is moved by the one affine motion that fits
all of the base mesh's vertices for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ROWS = (range(14992, 15060), range(15060, 15128))
"""The base mesh's vertices for the lower and the upper row."""

_BACK = np.array([0.0, -1.0, -1.3])  # mm: to where the face model's own teeth are


@dataclass(frozen=True, eq=False)
class Carry:
    """How one row is moved.

    Attributes:
        vertices: (m,) of the asset; rest: (m,4) where they are on the mean head, and 1.
        helpers: (k,) vertices of the base mesh; solver: (4,k) which turns their positions (k,3)
            into the motion (4,3) that takes `rest` to a head.
    """

    vertices: NDArray[np.int64]
    rest: NDArray[np.float32]
    helpers: NDArray[np.int64]
    solver: NDArray[np.float32]

    def apply(self, base: Array, points: Array) -> None:
        """Place its vertices on a head's base mesh (19158,3) in points (n,3), in place."""
        points[self.vertices] = self.rest @ (self.solver @ base[self.helpers])


def find_carries(points: Array, ids: Array, base: Array) -> tuple[Carry, ...]:
    """Of teeth at points (n,3) on the mean head that hang on `ids` (n,3) of its base mesh."""
    out = []
    for row in ROWS:
        vertices = np.flatnonzero(np.isin(ids, row).sum(1) > ids.shape[1] / 2)
        helpers = np.arange(row.start, row.stop)
        if not len(vertices):
            continue
        frame = np.linalg.pinv(_with_one(base[helpers].astype(np.float64)))
        rest = _with_one(points[vertices] + _BACK)
        out.append(
            Carry(vertices, rest.astype(np.float32), helpers, frame.astype(np.float32))
        )  # fmt: skip
    return tuple(out)


def _with_one(points: Array) -> Array:
    return np.concatenate([points, np.ones((len(points), 1))], 1)
