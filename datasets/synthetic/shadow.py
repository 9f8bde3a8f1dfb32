"""The shadow of the first lamp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from .draw import front_faces, project, rasterize
from .light import Light
from .surface import move

Array = NDArray[Any]
_MAP = 192
_BIAS_MM = 5.0
_BLUR_MM = 6.0


def cast_shadow(
    light: Light, points: Array, closed: Array, *, other: Array, framed: int
) -> NDArray[np.float32]:
    """How much of the first lamp each point (n,3) sees, (n,).

    A depth map from the lamp, read at four places with a bias (Williams 1978, Reeves 1987).

    Args:
        light: the lamps.
        points: in camera space, mm; the first `framed` set the frame.
        closed: (f,3) faces that bound solid bodies; other: (g,3) all others.
        framed: number of points.
    """
    local = np.empty_like(points)
    move(points, _frame(light.lamps[0]), np.zeros(3, np.float32), local)
    some = local[:framed:11]
    low, high = some.min(0), some.max(0)
    half = float((high - low)[:2].max()) / 2 * 1.05
    clip = np.empty((len(points), 4), np.float32)
    _clip(local, (low + high) / 2, np.float32(half), clip)
    screen = project(clip, _MAP)
    drawn = rasterize(screen, front_faces(screen, closed, other)[0], _MAP)
    seen = np.empty(len(points), np.float32)
    _look_up(drawn.depth, screen, np.float32(_BLUR_MM * _MAP / (2 * half) / 2),
             np.float32(light.shadow), seen)  # fmt: skip
    return seen


def _frame(lamp: Array) -> NDArray[np.float32]:
    """A rotation (3,3) whose last row points to the lamp."""
    x, y, z = lamp.astype(np.float64)
    across = np.array([z, 0.0, -x] if abs(y) < 0.9 else [0.0, -z, y])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross([x, y, z], across), [x, y, z]]).astype(np.float32)


@kernel
def _clip(local: Array, middle: Array, half: float, out: Array) -> None:
    for v in range(len(local)):
        out[v, 0] = (local[v, 0] - middle[0]) / half
        out[v, 1] = (local[v, 1] - middle[1]) / half
        out[v, 2] = (middle[2] - local[v, 2]) / 1000
        out[v, 3] = 1


@kernel
def _look_up(depth: Array, screen: Array, step: float, strength: float, seen: Array) -> None:
    last, zero, one = np.float32(len(depth) - 1), np.float32(0), np.float32(1)
    scale, middle = np.float32(1000 / _BIAS_MM), np.float32(0.5)
    for v in range(len(seen)):
        x, y, depth_here = screen[v, 0] + middle, screen[v, 1] + middle, screen[v, 2] * scale - one
        c0, c1 = int(min(max(x - step, zero), last)), int(min(max(x + step, zero), last))
        r0, r1 = int(min(max(y - step, zero), last)), int(min(max(y + step, zero), last))
        total = zero
        for near in (depth[r0, c0], depth[r0, c1], depth[r1, c0], depth[r1, c1]):
            total += min(max(one - (depth_here - near * scale), zero), one)
        seen[v] = one - strength * (one - total / 4)
