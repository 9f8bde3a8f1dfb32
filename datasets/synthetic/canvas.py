"""The picture while it is painted: linear light at twice the size, and what every pixel shows.

From it follow the developed picture and which points of the face nothing hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from ...geometry.segments import FACIAL_SKIN, Segment
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
    seen = _nearer(depth, view, in_camera, in_view, _COVERED_MM)
    _turn_away(normals, in_camera, seen)
    return seen


@kernel
def _turn_away(normals: Array, in_camera: Array, seen: Array) -> None:
    """Unsee what shows its back."""
    for v in range(len(seen)):
        x, y = normals[v, 0] * in_camera[v, 0], normals[v, 1] * in_camera[v, 1]
        seen[v] &= x + y + normals[v, 2] * in_camera[v, 2] < 0


def _nearer(
    depth: Array, view: View, in_camera: Array, in_view: Array, slack: float
) -> NDArray[np.bool_]:
    seen = np.empty(len(in_camera), np.bool_)
    _compare(depth, in_camera, in_view, np.float32(slack), view.depth_terms, seen)
    return seen


@kernel
def _compare(
    depth: Array, in_camera: Array, in_view: Array, slack: float, terms: tuple[float, float],
    seen: Array,
) -> None:  # fmt: skip
    """Which points are in the picture, and with `slack` mm taken off not behind the depth there."""
    zero, last = np.float32(0), np.float32(len(depth))
    for v in range(len(seen)):
        x, y = (
            in_view[v, 0] * np.float32(SUPERSAMPLING),
            in_view[v, 1] * np.float32(SUPERSAMPLING),
        )
        inside = (x >= zero) & (x < last) & (y >= zero) & (y < last)
        column, row = np.uint64(x if inside else zero), np.uint64(y if inside else zero)
        z = in_camera[v, 2] + slack
        limit = np.float32(terms[0] * z + terms[1]) / -z
        seen[v] = inside & (depth[row, column] >= limit)


_FACIAL[[ON_FACE | kind for kind in (*FACIAL_SKIN, Segment.EARS, Segment.NECK)]] = 1


@dataclass(frozen=True)
class Canvas:
    """What painting changes in place.

    Attributes:
        light: (3,S,S) linear light before exposure, premultiplied by the cover.
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
            np.zeros((3, size, size), np.float32), np.zeros((size, size), np.float32),
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


@inline
def _place(light: Array, cover: Array, scale: float, places: Array) -> None:
    """Places (W,) in the table of codes of one colour of a row of samples."""
    zero, one, last = np.float32(0), np.float32(1), np.float32(STEPS * STEPS)
    for c in range(len(cover)):
        alpha = cover[c] if cover[c] > zero else one
        linear = scale * light[c] / alpha
        linear = linear if linear > zero else zero
        linear = linear if linear < last else last
        places[c] = np.int32(np.sqrt(linear) + np.float32(0.5))


@inline
def _most(a: int, b: int, c: int, d: int) -> int:
    """The most frequent of four classes; of equals the one that is first complete."""
    if (a == b) | (a == c):
        return a
    if b == c:
        return b
    return a if a == d else b if b == d else c if c == d else a


@kernel
def _develop(
    light: Array, cover: Array, kind: Array, scale: Array, code: Array, facial: Array,
    out: Array, segmentation: Array,
) -> None:  # fmt: skip
    """Code every sample, average two by two; out (H,W,5): colour, coverage, facial skin."""
    quarter, mask = np.float32(0.25), np.uint8(CLASS)
    places = np.empty((6, len(cover)), np.uint32)
    for r in range(out.shape[0]):
        top, low = 2 * r, 2 * r + 1
        for k in range(3):
            _place(light[k, top], cover[top], scale[k], places[k])
            _place(light[k, low], cover[low], scale[k], places[3 + k])
        for c in range(out.shape[1]):
            x, z = np.uint64(2 * c), np.uint64(2 * c + 1)
            one, two = quarter * cover[top, x], quarter * cover[top, z]
            three, four = quarter * cover[low, x], quarter * cover[low, z]
            for k in range(3):
                first = one * code[places[k, x]] + two * code[places[k, z]]
                out[r, c, k] = (
                    first + three * code[places[3 + k, x]] + four * code[places[3 + k, z]]
                )
            out[r, c, 3] = one + two + three + four
            a, b, d, e = kind[top, x], kind[top, z], kind[low, x], kind[low, z]
            segmentation[r, c] = _most(a & mask, b & mask, d & mask, e & mask)
            skin = facial[a] * np.float32(one > 0) + facial[b] * np.float32(two > 0)
            skin += facial[d] * np.float32(three > 0) + facial[e] * np.float32(four > 0)
            out[r, c, 4] = quarter * skin


def develop(canvas: Canvas, exposure: NDArray | float) -> Drawing:
    """Code a canvas (2H,2W) as sRGB and halve it.

    Args:
        canvas: what was painted.
        exposure: factor on linear light, one or (3,) of them.
    """
    size = len(canvas.cover) // 2
    scale = np.full(3, STEPS * STEPS / BRIGHTEST, np.float32) * np.asarray(exposure, np.float32)
    out, kinds = np.empty((size, size, 5), np.float32), np.empty((size, size), np.uint8)
    _develop(canvas.light, canvas.cover, canvas.kind, scale, CODE, _FACIAL, out, kinds)
    return Drawing(out[..., :3], out[..., 3], kinds, out[..., 4], canvas.depth)
