"""Cut-outs pasted into a picture: turned, scaled, averaged where they shrink."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import kernel
from .decoys import CutOut

Array = NDArray[Any]

_MOST_SAMPLES = 12  # a side; cut-outs that shrink more alias a little


@kernel
def _paste(
    canvas: Array, owner: Array, picture: Array, alpha: Array, face: Array, back: Array,
    box: Array, samples: int, gain: Array, number: int,
) -> None:  # fmt: skip
    """Blend within box (x0,y0,x1,y1); back (2,3) leads from the canvas to the picture."""
    height, width = alpha.shape
    share = np.float32(1.0 / (samples * samples))
    step = 1.0 / samples
    for row in range(box[1], box[3]):
        for column in range(box[0], box[2]):
            r = g = b = cover = shown = np.float32(0)
            for k in range(samples * samples):
                px, py = column + (k % samples + 0.5) * step, row + (k // samples + 0.5) * step
                x = back[0, 0] * px + back[0, 1] * py + back[0, 2] - 0.5
                y = back[1, 0] * px + back[1, 1] * py + back[1, 2] - 0.5
                if x < 0 or y < 0 or x > width - 1 or y > height - 1:
                    continue
                left, top = min(int(x), width - 2), min(int(y), height - 2)
                if (alpha[top, left] + alpha[top, left + 1] + alpha[top + 1, left]
                        + alpha[top + 1, left + 1]) == 0:  # fmt: skip
                    continue
                u, v = np.float32(x - left), np.float32(y - top)
                one = np.float32(1)
                w00 = (one - u) * (one - v) * alpha[top, left]
                w01 = u * (one - v) * alpha[top, left + 1]
                w10 = (one - u) * v * alpha[top + 1, left]
                w11 = u * v * alpha[top + 1, left + 1]
                upper, lower = picture[top], picture[top + 1]
                r += (w00 * upper[left, 0] + w01 * upper[left + 1, 0]
                      + w10 * lower[left, 0] + w11 * lower[left + 1, 0])  # fmt: skip
                g += (w00 * upper[left, 1] + w01 * upper[left + 1, 1]
                      + w10 * lower[left, 1] + w11 * lower[left + 1, 1])  # fmt: skip
                b += (w00 * upper[left, 2] + w01 * upper[left + 1, 2]
                      + w10 * lower[left, 2] + w11 * lower[left + 1, 2])  # fmt: skip
                cover += w00 + w01 + w10 + w11
                shown += np.float32(face[int(y + 0.5), int(x + 0.5)])
            if cover == 0:
                continue
            rest = 1 - cover * share
            canvas[row, column, 0] = rest * canvas[row, column, 0] + share * r * gain[0]
            canvas[row, column, 1] = rest * canvas[row, column, 1] + share * g * gain[1]
            canvas[row, column, 2] = rest * canvas[row, column, 2] + share * b * gain[2]
            if rest < 0.5:
                owner[row, column] = number if shown * share > 0.5 else 0


def paste_people(
    canvas: Array, owner: Array, cut: CutOut, *, matrix: Array, gain: Array, number: int
) -> None:
    """Put a cut-out into a picture, in place.

    Args:
        canvas: (H,W,3) float32, of the picture's range.
        owner: (H,W) int32: `number` where the cut-out's face is seen, 0 where the rest of it is.
        cut: what is pasted.
        matrix: (2,3), pixels of the cut-out to pixels of the canvas; both begin at a corner.
        gain: (3,) factor on its colours.
        number: 1 or more.
    """
    height, width = canvas.shape[:2]
    linear, shift = matrix[:, :2].astype(np.float64), matrix[:, 2].astype(np.float64)
    inverse = np.linalg.inv(linear)
    back = np.concatenate([inverse, -(inverse @ shift)[:, None]], 1)
    h, w = cut.alpha.shape
    corners = np.array([[0, 0], [w, 0], [0, h], [w, h]]) @ linear.T + shift
    low = np.clip(np.floor(corners.min(0)), 0, [width, height])
    high = np.clip(np.ceil(corners.max(0)), 0, [width, height])
    box = np.concatenate([low, high]).astype(np.int64)
    step = math.sqrt(abs(float(np.linalg.det(inverse))))
    samples = min(max(1, math.ceil(step / 1.4)), _MOST_SAMPLES)
    _paste(canvas, owner, cut.picture, cut.alpha, cut.face, back, box, samples,
           gain.astype(np.float32), number)  # fmt: skip


def placed(scale: float, roll: float, mirrored: bool, *, middle: Array, to: Array) -> Array:
    """The matrix (2,3) that turns, scales and mirrors a cut-out and brings `middle` (2,) to `to`.

    Args:
        scale: canvas pixels per pixel of the cut-out. roll: radians, clockwise in the picture.
        mirrored: before it is turned.
        middle: in the cut-out. to: in the canvas.
    """
    c, s = scale * math.cos(roll), scale * math.sin(roll)
    linear = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return np.concatenate([linear, (np.asarray(to) - linear @ middle)[:, None]], 1)
