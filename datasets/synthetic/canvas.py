"""The picture while it is painted: linear light at twice the size, and what every pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...geometry.segments import FACIAL_SKIN, Segment
from ...render.cpu.jit import kernel
from .coding import BRIGHTEST, CODE, STEPS
from .head_classes import CLASS, ON_FACE

Array = NDArray[Any]

_FACIAL = np.zeros(2 * ON_FACE, np.float32)
_FACIAL[[ON_FACE | kind for kind in (*FACIAL_SKIN, Segment.EARS, Segment.NECK)]] = 1


@dataclass(frozen=True)
class Canvas:
    """What painting changes in place.

    Attributes:
        light: (S,S,3) linear light before exposure, premultiplied by the cover.
        cover: (S,S) share of the pixel that is covered.
        kind: (S,S) uint8, class of a segmentation map, with ON_FACE on the face's skin.
        depth: (S,S) clip depth of what hides things, larger is farther; 1 where nothing is.
    """

    light: Array
    cover: Array
    kind: Array
    depth: Array

    @classmethod
    def empty(cls, size: int) -> Canvas:
        """A canvas of size x size pixels on which nothing is."""
        return cls(
            np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32),
            np.zeros((size, size), np.uint8), np.ones((size, size), np.float32),
        )  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """What the scene's surfaces give, without a background.

    Attributes:
        colour: (H,W,3) sRGB-coded, premultiplied by the coverage.
        coverage: (H,W).
        segmentation: (H,W) uint8, the class that most of a pixel has.
        skin: (H,W) share of the pixel that is bare facial skin.
        depth: (2H,2W) clip depth of what hides things, larger is farther; 1 where nothing is.
    """

    colour: Array
    coverage: Array
    segmentation: Array
    skin: Array
    depth: Array


@kernel
def _develop(
    light: Array, cover: Array, kind: Array, scale: Array, code: Array, facial: Array,
    out: Array, segmentation: Array,
) -> None:  # fmt: skip
    """Code every pixel, average two by two; out (H,W,5): colour, coverage, facial skin."""
    zero, last, quarter = np.float32(0), np.float32(STEPS * STEPS), np.float32(0.25)
    votes = np.zeros(CLASS + 1, np.int32)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            votes[:] = 0
            best = kind[2 * r, 2 * c] & CLASS
            for n in range(4):
                y, x = 2 * r + n // 2, 2 * c + n % 2
                own = kind[y, x] & CLASS
                votes[own] += 1
                if votes[own] > votes[best]:
                    best = own
                alpha = cover[y, x]
                if alpha <= 0:
                    continue
                share = quarter * alpha
                for k in range(3):
                    linear = min(max(scale[k] * light[y, x, k] / alpha, zero), last)
                    out[r, c, k] += share * code[int(np.sqrt(linear) + np.float32(0.5))]
                out[r, c, 3] += share
                out[r, c, 4] += quarter * facial[kind[y, x]]
            segmentation[r, c] = best


def develop(canvas: Canvas, exposure: NDArray | float) -> Drawing:
    """Code a canvas (2H,2W) as sRGB and halve it.

    Args:
        canvas: what was painted.
        exposure: factor on linear light, one or (3,) of them.
    """
    size = len(canvas.cover) // 2
    scale = np.full(3, STEPS * STEPS / BRIGHTEST, np.float32) * np.asarray(exposure, np.float32)
    out, kinds = np.zeros((size, size, 5), np.float32), np.empty((size, size), np.uint8)
    _develop(canvas.light, canvas.cover, canvas.kind, scale, CODE, _FACIAL, out, kinds)
    return Drawing(out[..., :3], out[..., 3], kinds, out[..., 4], canvas.depth)
