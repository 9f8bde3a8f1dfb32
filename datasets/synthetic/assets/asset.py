"""One asset: its triangles, its picture, and how it hangs on a head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .carrying import Carry
from .lifting import Lift
from .mhmat import Material
from .placing import place

Array = NDArray[Any]


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
