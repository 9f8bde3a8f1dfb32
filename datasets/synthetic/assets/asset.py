"""One asset: its triangles, its picture, and how it hangs on a head.

Teeth move as two rigid rows. A .mhclo gives offsets directions that never turn, so that gums 20 mm
below the vertices they hang on would come out of the chin when the jaw opens. Each row is therefore
moved by the one affine motion that fits all of the base mesh's vertices for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .formats import Material
from .lifting import Lift
from .placing import place

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


@dataclass(frozen=True, eq=False)
class Asset:
    """n vertices and f triangles of a hair, a brow, a shirt; counter-clockwise from outside.

    Attributes:
        name: of its file, without the suffix; kind: one of `kinds.KINDS`.
        sex: "female", "male" or None: whom its maker named it for.
        ids, weights, offsets, rulers, lengths: see `mhclo.Fitting`.
        faces: (f,3) int32; uv: (f,3,2) float32 per corner, v up.
        texture: (h,w,4) uint8, sRGB and alpha not multiplied in, row 0 at v = 1; None where it
            has no picture. Hair without one has strand coordinates in `uv`: see `strands`; where
            it is made of many small cards it gets the picture of `curls`.
        grain: (f,3,2) `uv` turned face by face so that painted strands run along v, for
            `strand_directions`; `uv` itself for what is no hair.
        luminance: log-mean luminance of the picture where faces use it, sRGB-coded; 0.5 without.
        contrast: the spread of that logarithm.
        material: what its surface is like.
        opaque: whether it has no alpha anywhere, so that it can be drawn as a surface.
        lift: keeps hair on helper vertices outside of the skull; None for all else.
        carries: move teeth; none for all else.
    """

    name: str
    kind: str
    sex: str | None
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]
    rulers: NDArray[np.int32]
    lengths: NDArray[np.float32]
    faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    texture: NDArray[np.uint8] | None
    grain: NDArray[np.float32]
    luminance: float
    contrast: float
    material: Material
    opaque: bool
    lift: Lift | None = None
    carries: tuple[Carry, ...] = ()

    def place(self, base: Array) -> NDArray[np.float32]:
        """Positions (n,3), mm in model space, on a head's base mesh (19158,3): `base_vertices`."""
        out = np.empty((len(self.ids), 3), np.float32)
        base = np.ascontiguousarray(base, np.float32)
        place(base, self.ids, self.weights, self.offsets, self.rulers, self.lengths, out)
        if self.lift is not None:
            self.lift.apply(base, out)
        for carry in self.carries:
            carry.apply(base, out)
        return out

    def near(self, points: Array, low_y: float) -> Array:
        """Which faces (f,) bool reach above the height `low_y`, mm, with the vertices at `points`.

        Clothes go further down than a picture of a head shows: by `hem.DROP` below the shoulders.
        """
        high: Array = points[:, 1] > low_y
        return np.logical_or.reduce(high[self.faces], axis=1)
