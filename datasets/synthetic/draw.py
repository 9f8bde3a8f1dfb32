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
from .filters import to_srgb

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


@kernel
def _facing(clip: Array, faces: Array, closed: int, out: Array) -> int:
    """Copy the faces whose corners run counter-clockwise, and all from `closed` on, into out."""
    count = 0
    for f in range(len(faces)):
        keep = f >= closed
        if not keep:
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            xi, yi = clip[i, 0] / clip[i, 3], clip[i, 1] / clip[i, 3]
            xj, yj = clip[j, 0] / clip[j, 3], clip[j, 1] / clip[j, 3]
            xk, yk = clip[k, 0] / clip[k, 3], clip[k, 1] / clip[k, 3]
            keep = (xj - xi) * (yk - yi) > (xk - xi) * (yj - yi)
        if keep:
            out[count, 0], out[count, 1], out[count, 2] = faces[f, 0], faces[f, 1], faces[f, 2]
            count += 1
    return count


def front_faces(clip: Array, faces: Array, closed: int) -> NDArray[np.int32]:
    """The faces that can be seen, if the first `closed` bound solid bodies; clip (n,4)."""
    out = np.empty_like(faces)
    return out[: _facing(clip, faces, closed, out)]


def rasterize(
    clip: Array, faces: Array, closed: int, attributes: Array, size: int
) -> tuple[Array, Array]:
    """Fragments (H,W,4) and interpolated attributes (H,W,A) of one mesh; see `front_faces`."""
    rasterizer = get_rasterizer()
    triangles = torch.from_numpy(front_faces(clip, faces, closed))
    with torch.inference_mode():
        fragments = rasterizer.rasterize(torch.from_numpy(clip)[None], triangles, (size, size))
        values = rasterizer.interpolate(torch.from_numpy(attributes)[None], fragments, triangles)
    return fragments[0].numpy(), values[0].numpy()


@inline
def _strand(table: Array, place: float) -> float:
    """Value in [-1,1] of a pattern of strands across which `place` counts."""
    low = math.floor(place)
    t = place - low
    one = table[int(low) % _CELLS]
    return one + t * (table[int(low + 1) % _CELLS] - one)


def _coding_table() -> NDArray[np.float32]:
    """Linear light x to sRGB with a soft shoulder above 0.8, at 2048 steps of sqrt(x / 4)."""
    light = 4 * (np.arange(2049) / 2048) ** 2
    light = np.where(light > 0.8, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)), light)
    return to_srgb(light)


_CODE = _coding_table()


@kernel
def _compose(
    base: Array, base_values: Array, sheet: Array, sheet_values: Array, table: Array, code: Array,
    strands: float, curl: tuple[float, float], exposure: float, out: Array, depth: Array,
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
                grain = 0.0
                if value[6] > 0:
                    u = value[4] * strands + curl[0] * math.sin(curl[1] * value[5] + 9 * value[4])
                    grain = (0.6 * _strand(table, u) + 0.4 * _strand(table, u / 5 + 0.4)) * value[6]
                ragged = min(max(value[7] + 1.2 * grain, 0.0), 1.0)
                opacity = min(max(value[3], 0.0), 1.0) * ragged
                for k in range(3):
                    rgb[k] = value[k] * (1 + 0.7 * grain)
                if opacity > 0.5:
                    depth[r, c] = sheet[r, c, 2]
            alpha = opacity + (1 - opacity) * (1.0 if covered else 0.0)
            if alpha <= 0:
                continue
            i, j = r // 2, c // 2
            for k in range(3):
                under = base_values[r, c, k] if covered else 0.0
                total = (opacity * rgb[k] if opacity > 0 else 0.0) + (1 - opacity) * under
                step = math.sqrt(min(max(total / alpha * exposure, 0.0), 4.0) * 0.25) * 2048
                out[i, j, k] += 0.25 * alpha * code[int(step + 0.5)]
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
    waves = float(rng.choice([1.0, 4, 10]) * rng.uniform(0.5, 1.5)), float(rng.uniform(4, 40))
    if sheet is None:
        sheet = np.zeros((large, large, 4), np.float32), np.zeros((large, large, 8), np.float32)
    out = np.zeros((size, size, 5), np.float32)
    depth = np.empty((large, large), np.float32)
    _compose(*base, *sheet, table, _CODE, cells, waves, exposure, out, depth)
    return Drawing(out[..., :3], out[..., 3], out[..., 4], depth)
