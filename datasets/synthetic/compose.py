"""Composition: sheets of hair or glass over opaque surfaces, coded as sRGB, then halved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import inline, kernel
from .draw import SUPERSAMPLING, Layer
from .filters import to_srgb

Array = NDArray[Any]

_CELLS = 1024


@dataclass(frozen=True)
class Drawing:
    """What the scene's surfaces give, without a background.

    Attributes:
        colour: (H,W,3) sRGB-coded, premultiplied by the coverage.
        coverage: (H,W).
        skin: (H,W) share of the pixel that is bare facial skin.
        depth: (2H,2W) clip depth of what hides things, larger is farther; 1 where nothing is.
    """

    colour: Array
    coverage: Array
    skin: Array
    depth: Array


def _coding_table() -> NDArray[np.float32]:
    """Linear light x to sRGB with a soft shoulder above 0.8, at 2048 steps of sqrt(x / 4)."""
    light = 4 * (np.arange(2049) / 2048) ** 2
    light = np.where(light > 0.8, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)), light)
    return to_srgb(light)


_CODE = _coding_table()


@inline
def _barycentric(
    i: int, j: int, k: int, screen: Array, row: int, column: int
) -> tuple[np.float32, np.float32, np.float32]:
    """Perspective-correct shares of a triangle's corners at a pixel."""
    xi, yi = screen[i, 0] - column, screen[i, 1] - row
    xj, yj = screen[j, 0] - column, screen[j, 1] - row
    xk, yk = screen[k, 0] - column, screen[k, 1] - row
    bi = (xj * yk - yj * xk) * screen[i, 3]
    bj = (xk * yi - yk * xi) * screen[j, 3]
    bk = (xi * yj - yi * xj) * screen[k, 3]
    inverse = 1 / (bi + bj + bk)
    return np.float32(bi * inverse), np.float32(bj * inverse), np.float32(bk * inverse)


@inline
def _strand(table: Array, place: float) -> float:
    """Value in [-1,1] of a pattern of strands across which `place` counts."""
    low = math.floor(place)
    one, two = table[low & (_CELLS - 1)], table[(low + 1) & (_CELLS - 1)]
    return one + np.float32(place - low) * (two - one)


@inline
def _opacity(value: Array, table: Array, strands: float, height: float, waves: float) -> float:
    """How much a sheet with these values (8,) hides; its colour there gets its strands."""
    zero, one, grain = np.float32(0), np.float32(1), np.float32(0)
    if value[6] > 0:
        u = value[4] * strands + height * math.sin(waves * value[5] + np.float32(9) * value[4])
        fine, coarse = _strand(table, u), _strand(table, u / 5 + np.float32(0.4))
        grain = (np.float32(0.6) * fine + np.float32(0.4) * coarse) * value[6]
        for k in range(3):
            value[k] *= one + np.float32(0.7) * grain
    ragged = min(max(value[7] + np.float32(1.2) * grain, zero), one)
    return min(max(value[3], zero), one) * ragged


@kernel
def _compose(
    ids: Array, depth: Array, screen: Array, faces: Array, values: Array,
    over_ids: Array, over_depth: Array, over_screen: Array, over_faces: Array, over_values: Array,
    table: Array, strands: float, height: float, waves: float, code: Array, exposure: float,
    out: Array,
) -> None:  # fmt: skip
    """Fill out (H,W,5): coded colour, coverage, skin; opaque sheets go into depth (2H,2W)."""
    under, over = np.zeros(4, np.float32), np.zeros(8, np.float32)
    zero, one, quarter = np.float32(0), np.float32(1), np.float32(0.25)
    scale, last = exposure * np.float32(2048 * 2048 / 4), np.float32(2048 * 2048)
    for r in range(depth.shape[0]):
        for c in range(depth.shape[1]):
            opacity, alpha = zero, one if ids[r, c] > 0 else zero
            if over_ids[r, c] > 0 and over_depth[r, c] < depth[r, c]:
                face = over_faces[over_ids[r, c] - 1]
                i, j, k = np.uint32(face[0]), np.uint32(face[1]), np.uint32(face[2])
                u, v, w = _barycentric(i, j, k, over_screen, r, c)
                for n in range(8):
                    over[n] = u * over_values[i, n] + v * over_values[j, n] + w * over_values[k, n]
                opacity = _opacity(over, table, strands, height, waves)
                alpha = max(alpha, opacity)
                if opacity > 0.5:
                    depth[r, c] = over_depth[r, c]
            if alpha == 0:
                continue
            if ids[r, c] > 0:
                face = faces[ids[r, c] - 1]
                i, j, k = np.uint32(face[0]), np.uint32(face[1]), np.uint32(face[2])
                u, v, w = _barycentric(i, j, k, screen, r, c)
                for n in range(4):
                    under[n] = u * values[i, n] + v * values[j, n] + w * values[k, n]
            first, second = scale * opacity / alpha, scale * (alpha - opacity) / alpha
            share, pixel = quarter * alpha, out[r // 2, c // 2]
            for n in range(3):
                light = first * over[n] + second * under[n]
                step = math.sqrt(min(max(light, zero), last)) + np.float32(0.5)
                pixel[n] += share * code[int(step)]
            pixel[3] += share
            if ids[r, c] > 0 and opacity < 0.5 and under[3] > 0.5:
                pixel[4] += quarter


def _nothing(size: int) -> tuple[Layer, Array]:
    """A sheet with no faces."""
    none = np.zeros((0, 4), np.float32)
    faces, ids = np.zeros((0, 3), np.int32), np.zeros((size, size), np.int32)
    return Layer(ids, np.ones((size, size), np.float32), none, faces), np.zeros((0, 8), np.float32)


def compose(
    rng: np.random.Generator, size: int, exposure: float,
    base: tuple[Layer, Array], sheet: tuple[Layer, Array] | None,
) -> Drawing:  # fmt: skip
    """Put sheets over surfaces at twice the size, code the colours and halve.

    Args:
        rng: source of the strands.
        size: side of the drawing, pixels.
        exposure: factor on linear light.
        base: surfaces and their values (n,4): linear light, and whether it is skin.
        sheet: sheets and their values (n,8): linear light, then `Surface.sheet`.
    """
    table = rng.uniform(-1, 1, _CELLS).astype(np.float32)
    strands = rng.uniform(90, 420)
    height, waves = (1.0, 4, 10)[rng.integers(3)] * rng.uniform(0.5, 1.5), rng.uniform(4, 40)
    out = np.zeros((size, size, 5), np.float32)
    arrays = []
    for layer, values in (base, sheet or _nothing(size * SUPERSAMPLING)):
        arrays += [layer.ids, layer.depth, layer.screen, layer.faces, values]
    _compose(*arrays, table, np.float32(strands), np.float32(height), np.float32(waves), _CODE,
             np.float32(exposure), out)  # fmt: skip
    return Drawing(out[..., :3], out[..., 3], out[..., 4], base[0].depth)
