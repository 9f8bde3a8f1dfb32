"""Drawing: opaque surfaces and the sheets over them, twice as large, then halved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...render.cpu.jit import inline, kernel
from ...render.rasterizer import get_rasterizer

Array = NDArray[Any]

SUPERSAMPLING = 2
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


def rasterize(clip: Array, faces: Array, attributes: Array, size: int) -> tuple[Array, Array]:
    """Fragments (H,W,4) and interpolated attributes (H,W,A) of one mesh."""
    rasterizer = get_rasterizer()
    triangles = torch.from_numpy(faces)
    with torch.inference_mode():
        fragments = rasterizer.rasterize(torch.from_numpy(clip)[None], triangles, (size, size))
        values = rasterizer.interpolate(torch.from_numpy(attributes)[None], fragments, triangles)
    return fragments[0].numpy(), values[0].numpy()


@inline
def _strand(table: Array, u: float, v: float, cells: float) -> float:
    """Value in [-1,1] of a pattern of strands that wander a little along their length."""
    place = u * cells + 1.3 * math.sin(5.0 * v + 0.7 * math.sin(u * 40))
    low = math.floor(place)
    t = place - low
    one = table[int(low) % _CELLS]
    return one + t * (table[int(low + 1) % _CELLS] - one)


@inline
def _code(light: float) -> float:
    """Linear light to sRGB, with a soft shoulder above 0.8."""
    x = max(light, 0.0)
    if x > 0.8:
        x = 0.8 + 0.2 * (1 - math.exp(-(x - 0.8) / 0.2))
    return 12.92 * x if x < 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055


@kernel
def _compose(
    base: Array, base_values: Array, sheet: Array, sheet_values: Array, table: Array,
    strands: float, exposure: float, out: Array, depth: Array,
) -> None:  # fmt: skip
    """Fill out (H,W,5): coded colour, coverage, skin; and depth (2H,2W)."""
    rgb = np.empty(3, np.float64)
    for r in range(depth.shape[0]):
        for c in range(depth.shape[1]):
            covered = base[r, c, 3] > 0
            depth[r, c] = base[r, c, 2] if covered else 1.0
            opacity = 0.0
            if sheet[r, c, 3] > 0 and (not covered or sheet[r, c, 2] < base[r, c, 2]):
                value = sheet_values[r, c]
                fine = _strand(table, value[4], value[5], strands)
                wide = _strand(table, value[4] + 0.37, value[5], strands / 5)
                grain = (0.6 * fine + 0.4 * wide) * value[6]
                ragged = min(max(value[7] + 1.2 * grain, 0.0), 1.0)
                opacity = min(max(value[3], 0.0), 1.0) * ragged
                for k in range(3):
                    rgb[k] = value[k] * math.exp(0.7 * grain)
                if opacity > 0.5:
                    depth[r, c] = sheet[r, c, 2]
            alpha = opacity + (1 - opacity) * (1.0 if covered else 0.0)
            if alpha <= 0:
                continue
            i, j = r // 2, c // 2
            for k in range(3):
                under = base_values[r, c, k] if covered else 0.0
                total = (opacity * rgb[k] if opacity > 0 else 0.0) + (1 - opacity) * under
                out[i, j, k] += 0.25 * alpha * _code(total / alpha * exposure)
            out[i, j, 3] += 0.25 * alpha
            if covered and opacity < 0.5 and base_values[r, c, 3] > 0.5:
                out[i, j, 4] += 0.25


def compose(
    rng: np.random.Generator, size: int, exposure: float,
    base: tuple[Array, Array], sheet: tuple[Array, Array] | None,
) -> Drawing:  # fmt: skip
    """Put sheets over surfaces at twice the size, code the colours and halve.

    Args:
        rng: source of the strands.
        size: side of the drawing, pixels.
        exposure: factor on linear light.
        base: fragments (2S,2S,4) and values (2S,2S,4): linear light, and whether it is skin.
        sheet: fragments and values (2S,2S,8): linear light, then `Surface.sheet`.
    """
    large = size * SUPERSAMPLING
    table = rng.uniform(-1, 1, _CELLS).astype(np.float32)
    cells = float(rng.uniform(90, 420))
    if sheet is None:
        sheet = np.zeros((large, large, 4), np.float32), np.zeros((large, large, 8), np.float32)
    out = np.zeros((size, size, 5), np.float32)
    depth = np.empty((large, large), np.float32)
    _compose(*base, *sheet, table, cells, exposure, out, depth)
    return Drawing(out[..., :3], out[..., 3], out[..., 4], depth)
