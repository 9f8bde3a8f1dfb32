"""Where the vertices of an asset lie on one head, and which way its strands run there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import inline, kernel
from ....facemodels.drawing_vertices import DrawingVertices
from .formats import BASE_VERTICES

Array = NDArray[Any]

_DECIMETRE = 100  # mm: MakeHuman's unit, where an asset has no ruler
_LEAST = 1e-12


def base_vertices(drawing: DrawingVertices, level0: Array, helpers: Array) -> NDArray[np.float32]:
    """MakeHuman's base mesh (19158,3) in mm, as far as a head has it; NaN elsewhere.

    Args:
        drawing: says which vertices these are.
        level0: (V0,3) the head before subdivision, mm in model space.
        helpers: (H,3) as `DrawingVertices.positions` gives them.
    """
    base = np.full((BASE_VERTICES, 3), np.nan, np.float32)
    base[drawing.head_ids] = level0
    base[drawing.ids] = helpers
    return base


@kernel
def scales(base: Array, rulers: Array, lengths: Array) -> Array:
    """Millimetres (3,) per unit of offsets along each axis; see `mhclo.Fitting`."""
    scale = np.full(3, np.float32(_DECIMETRE))
    for c in range(3):
        if lengths[c] > 0:
            scale[c] = abs(base[rulers[c, 0], c] - base[rulers[c, 1], c]) / lengths[c]
    return scale


@kernel
def place(
    base: Array, ids: Array, weights: Array, offsets: Array, rulers: Array, lengths: Array,
    out: Array,
) -> None:  # fmt: skip
    """Positions (n,3) into `out`; see `mhclo.Fitting` for the arguments."""
    scale = scales(base, rulers, lengths)
    for v in range(len(ids)):
        i, j, k = ids[v, 0], ids[v, 1], ids[v, 2]
        a, b, d = weights[v, 0], weights[v, 1], weights[v, 2]
        for c in range(3):
            corner = a * base[i, c] + b * base[j, c] + d * base[k, c]
            out[v, c] = corner + offsets[v, c] * scale[c]


@inline
def _cross_length(ax: float, ay: float, az: float, bx: float, by: float, bz: float) -> float:
    """Length of the cross product."""
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return np.sqrt(x * x + y * y + z * z)


@kernel
def _directions(points: Array, faces: Array, uv: Array, out: Array) -> None:
    """The sums of dP/dv over the faces round each vertex, each with the area of its face."""
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        u1, v1 = uv[f, 1, 0] - uv[f, 0, 0], uv[f, 1, 1] - uv[f, 0, 1]
        u2, v2 = uv[f, 2, 0] - uv[f, 0, 0], uv[f, 2, 1] - uv[f, 0, 1]
        if u1 * v2 - u2 * v1 < 0:
            u1, u2 = -u1, -u2
        ax, ay, az = (
            points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2],
        )  # fmt: skip
        bx, by, bz = (
            points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2],
        )  # fmt: skip
        x, y, z = u1 * bx - u2 * ax, u1 * by - u2 * ay, u1 * bz - u2 * az
        length = np.sqrt(x * x + y * y + z * z)
        if not length > np.float32(_LEAST):
            continue
        weight = _cross_length(ax, ay, az, bx, by, bz) / length
        for corner in range(3):
            v = faces[f, corner]
            along = x * out[v, 0] + y * out[v, 1] + z * out[v, 2]
            sign = -weight if along < 0 else weight
            out[v, 0] += sign * x
            out[v, 1] += sign * y
            out[v, 2] += sign * z


@kernel
def _normalise(vectors: Array) -> None:
    """Bring vectors (n,3) to length 1, in place; those of no length stay."""
    for v in range(len(vectors)):
        x, y, z = vectors[v, 0], vectors[v, 1], vectors[v, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if length > np.float32(_LEAST):
            vectors[v, 0], vectors[v, 1], vectors[v, 2] = x / length, y / length, z / length


def strand_directions(points: Array, faces: Array, uv: Array) -> NDArray[np.float32]:
    """Unit vectors (n,3) along the texture's v axis, the way that strands are painted.

    A strand has no forward: where neighbouring faces disagree about the sign, the first decides.
    (0,0,0) where no face tells.

    Args:
        points: (n,3) as placed. faces: (f,3). uv: (f,3,2) per corner.
    """
    out = np.zeros((len(points), 3), np.float32)
    _directions(np.asarray(points, np.float32), faces, uv, out)
    _normalise(out)
    return out
