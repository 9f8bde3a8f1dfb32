"""The picture while it is painted: linear light at twice the size, and what every pixel shows.

From it follow the developed picture and which points of the face nothing hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...geometry.segments import FACIAL_SKIN, Segment
from ...render.cpu.jit import kernel
from .colours import BRIGHTEST, CODE, STEPS
from .draw import SUPERSAMPLING
from .head_classes import CLASS, ON_FACE
from .pose import View

Array = NDArray[Any]

_HIDDEN_MM = 10.0
"""A landmark counts as hidden by what lies this much nearer."""

_COVERED_MM = 4.0
"""The same of a vertex, which lies on the surface."""

_FACIAL = np.zeros(2 * ON_FACE, np.float32)


def seen_points(depth: Array, view: View, in_camera: Array, in_view: Array) -> NDArray[np.bool_]:
    """Which points (N,) are neither hidden nor outside the picture.

    Args:
        depth: (2H,2W) clip depth of what hides things.
        view: the camera.
        in_camera: (N,3) mm; in_view: (N,2+) pixels.
    """
    return _nearer(depth, view, in_camera, in_view, _HIDDEN_MM)


def seen_vertices(
    depth: Array, view: View, in_camera: Array, *, in_view: Array, normals: Array
) -> NDArray[np.bool_]:
    """Which vertices (V,), with normals (V,3) in camera space, can be seen; see `seen_points`."""
    towards = -(normals * in_camera).sum(1) > 0
    return towards & _nearer(depth, view, in_camera, in_view, _COVERED_MM)


def _nearer(
    depth: Array, view: View, in_camera: Array, in_view: Array, slack: float
) -> NDArray[np.bool_]:
    size = len(depth) // SUPERSAMPLING
    clip = view.clip(in_camera + np.array([0, 0, slack], np.float32), size)
    limit = clip[:, 2] / clip[:, 3]
    x, y = np.floor(in_view[:, :2] * SUPERSAMPLING).astype(int).T
    last = len(depth) - 1
    inside = (x >= 0) & (x <= last) & (y >= 0) & (y <= last)
    return inside & (depth[np.clip(y, 0, last), np.clip(x, 0, last)] >= limit)


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
                class_there = kind[y, x] & CLASS
                votes[class_there] += 1
                if votes[class_there] > votes[best]:
                    best = class_there
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
