"""Clothes that are cut below the shoulders are let down, so that no ragged edge shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DROP = 250.0
"""The hem hangs this far below the cut, mm."""

_WIDER = 0.15
"""By this share of the drop it stands out from the body's middle."""


@dataclass(frozen=True, eq=False)
class Hem:
    """What is added to clothes below a cut.

    Attributes:
        sources: (h,) the vertices that hem vertices hang below; shifts: (h,3) mm, by how much.
        faces: (g,3) of vertices, those of the hem counted after the `count` others; uv: (g,3,2).
    """

    sources: NDArray[np.int64]
    shifts: NDArray[np.float32]
    faces: NDArray[np.int64]
    uv: NDArray[np.float32]


def let_down(points: Array, faces: Array, kept: Array, uv: Array) -> Hem:
    """A curtain below every edge between a face that is kept and one that is not.

    Args:
        points: (n,3) mm; those of faces that are not kept do not matter.
        faces: (f,3); kept: (f,) bool; uv: (f,3,2).
    """
    starts, ends = faces.ravel(), np.roll(faces, -1, 1).ravel()
    side = np.minimum(starts, ends).astype(np.int64) * len(points) + np.maximum(starts, ends)
    there = kept.repeat(3)
    cut = there & np.isin(side, side[~there])
    one, other = starts[cut], ends[cut]
    sources, inverse = np.unique(np.concatenate([one, other]), return_inverse=True)
    below = len(points) + inverse.reshape(2, -1)
    first, last = uv.reshape(-1, 2)[cut], np.roll(uv, -1, 1).reshape(-1, 2)[cut]
    return Hem(
        sources=sources,
        shifts=_shifts(points[sources]),
        faces=np.concatenate([
            np.stack([other, one, below[0]], 1), np.stack([other, below[0], below[1]], 1)
        ]),
        uv=np.concatenate([np.stack([last, first, first], 1), np.stack([last, first, last], 1)]),
    )  # fmt: skip


def _shifts(points: Array) -> NDArray[np.float32]:
    """Down, and outwards from the middle of the body."""
    if not len(points):
        return np.zeros((0, 3), np.float32)
    out = points - (points.min(0) + points.max(0)) / 2
    out[:, 1] = 0
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1)
    return (DROP * (_WIDER * out - [0, 1, 0])).astype(np.float32)
