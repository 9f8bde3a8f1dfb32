"""The kernel that paints opaque triangles, a row of the picture at a time.

What needs a look-up is collected pixel by pixel, the arithmetic between runs over the whole row:
loops without branches, and without inner loops over colours, which the compiler vectorizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from ...geometry.segments import Segment
from .head_classes import CLASS, ON_FACE

Array = NDArray[Any]

_HAIRY = np.uint64(
    sum(1 << int(s) for s in (Segment.SKIN, Segment.LIPS, Segment.NECK, Segment.EARS))
)
"""A bit for each class on which painted hair counts as what it is."""


@inline
def _list_pixels(ids: Array, columns: Array) -> np.uint32:
    """List the columns (W,) of a row that show something; returns how many."""
    count = np.uint32(0)
    for column in range(len(ids)):
        columns[count] = column
        count += np.uint32(ids[column] != 0)
    return count


@inline
def _weigh(
    ids: Array, columns: Array, count: np.uint32, row: float, screen: Array, faces: Array,
    source: Array, corners: Array, values: Array,
) -> None:  # fmt: skip
    """Corners and number of each pixel's triangle, and the corners' perspective-correct shares."""
    for n in range(count):
        c = columns[n]
        f, column = np.uint32(ids[c] - 1), np.float64(c)
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        xi, yi = screen[i, 0] - column, screen[i, 1] - row
        xj, yj = screen[j, 0] - column, screen[j, 1] - row
        xk, yk = screen[k, 0] - column, screen[k, 1] - row
        bi = (xj * yk - yj * xk) * screen[i, 3]
        bj = (xk * yi - yk * xi) * screen[j, 3]
        bk = (xi * yj - yi * xj) * screen[k, 3]
        inverse = 1 / (bi + bj + bk)
        values[0, n], values[1, n], values[2, n] = bi * inverse, bj * inverse, bk * inverse
        corners[0, n], corners[1, n], corners[2, n], corners[3, n] = i, j, k, source[f]


@inline
def _mix(
    corners: Array, count: np.uint32, light: Array, kinds: Array, values: Array, classes: Array
) -> None:
    """Light of each pixel, and the class of its nearest corner."""
    for n in range(count):
        i, j, k = corners[0, n], corners[1, n], corners[2, n]
        a, b, d = values[0, n], values[1, n], values[2, n]
        values[3, n] = a * light[i, 0] + b * light[j, 0] + d * light[k, 0]
        values[4, n] = a * light[i, 1] + b * light[j, 1] + d * light[k, 1]
        values[5, n] = a * light[i, 2] + b * light[j, 2] + d * light[k, 2]
        one, two, three = kinds[i], kinds[j], kinds[k]
        best = two if b >= d else three
        classes[n] = one if (a >= b) & (a >= d) else best


@inline
def _find_texels(
    corners: Array, count: np.uint32, head_uv: Array, size: int, values: Array, words: Array
) -> None:
    """Numbers of the four texels round each pixel of the head and of the nearest, and shares."""
    zero, half, last = np.float32(0), np.float32(0.5), np.float32(size - 1)
    for n in range(count):
        f = corners[3, n] if corners[3, n] < len(head_uv) else np.uint32(0)
        a, b, d = values[0, n], values[1, n], values[2, n]
        values[6, n] = a * head_uv[f, 0, 0] + b * head_uv[f, 1, 0] + d * head_uv[f, 2, 0]
        values[7, n] = a * head_uv[f, 0, 1] + b * head_uv[f, 1, 1] + d * head_uv[f, 2, 1]
    step = np.int32(size)
    for n in range(count):
        x, y = values[6, n] * np.float32(size) - half, values[7, n] * np.float32(size) - half
        x, y = last if x > last else x, last if y > last else y
        x, y = x if x > zero else zero, y if y > zero else zero
        c, r = np.int32(x), np.int32(y)
        values[6, n], values[7, n] = x - np.float32(c), y - np.float32(r)
        at, right = r * step + c, np.int32(x < last)
        low = at + (step if y < last else np.int32(0))
        words[0, n], words[1, n], words[2, n], words[3, n] = at, at + right, low, low + right
        words[4, n] = np.int32(y + half) * step + np.int32(x + half)


@inline
def _multiply_detail(
    corners: Array, count: np.uint32, head: int, channel: int, words: Array, values: Array
) -> None:
    """Multiply a channel of the head's light by what its texels show."""
    byte, shift, one = np.int32(255), np.int32(8 * channel), np.float32(1)
    for n in range(count):
        fx, fy = values[6, n], values[7, n]
        a = np.float32((np.int32(words[0, n]) >> shift) & byte)
        b = np.float32((np.int32(words[1, n]) >> shift) & byte)
        p = np.float32((np.int32(words[2, n]) >> shift) & byte)
        q = np.float32((np.int32(words[3, n]) >> shift) & byte)
        top, low = a + fx * (b - a), p + fx * (q - p)
        factor = (top + fy * (low - top)) * np.float32(1 / 128)
        values[3 + channel, n] *= factor if corners[3, n] < head else one


@inline
def _classify(corners: Array, count: np.uint32, head: int, words: Array, classes: Array) -> None:
    """Give pixels of skin the class of the hair that is painted there."""
    for n in range(count):
        kind, hair = classes[n], np.uint8(words[4, n] >> np.uint32(24))
        hairy = ((_HAIRY >> np.uint64(kind & np.uint8(CLASS))) & np.uint64(1)) > 0
        painted = hair | (kind & np.uint8(ON_FACE))
        classes[n] = painted if (corners[3, n] < head) & (hair > 0) & hairy else kind


@inline
def _multiply_texture(
    buffer: Array, place: Array, x: float, y: float, table: Array, values: Array, n: int
) -> None:
    """Multiply pixel n's light by a texture at (x,y), which repeats outside [0,1]."""
    start, height, width = place[0], place[1], place[2]
    across, down = (x - np.floor(x)) * width - 0.5, (y - np.floor(y)) * height - 0.5
    left, above = np.floor(across), np.floor(down)
    fx, fy = np.float32(across - left), np.float32(down - above)
    c, r = np.int64(left), np.int64(above)  # from -1 on
    right, below = c + 1 if c + 1 < width else 0, r + 1 if r + 1 < height else 0
    c, r = c if c >= 0 else width - 1, r if r >= 0 else height - 1
    one, two = start + 4 * (r * width + c), start + 4 * (r * width + right)
    three, four = start + 4 * (below * width + c), start + 4 * (below * width + right)
    for k in range(3):
        a, b = table[buffer[np.uint64(one + k)]], table[buffer[np.uint64(two + k)]]
        p, q = table[buffer[np.uint64(three + k)]], table[buffer[np.uint64(four + k)]]
        top, low = a + fx * (b - a), p + fx * (q - p)
        values[3 + k, n] *= top + fy * (low - top)


@inline
def _dress(
    corners: Array, count: np.uint32, head: int, texture: Array, uv: Array, buffer: Array,
    places: Array, table: Array, values: Array,
) -> None:  # fmt: skip
    """Multiply the light of what is worn by its textures."""
    for n in range(count):
        f = corners[3, n]
        if f < head or texture[f - head] < 0:
            continue
        f -= head
        a, b, d = values[0, n], values[1, n], values[2, n]
        x = a * uv[f, 0, 0] + b * uv[f, 1, 0] + d * uv[f, 2, 0]
        y = a * uv[f, 0, 1] + b * uv[f, 1, 1] + d * uv[f, 2, 1]
        place = places[texture[f]]
        _multiply_texture(buffer, place, np.float64(x), np.float64(y), table, values, n)


@kernel
def paint_solid_pixels(
    ids: Array, screen: Array, faces: Array, source: Array, light: Array, kinds: Array,
    head_uv: Array, texels: Array, size: int, texture: Array, uv: Array, buffer: Array,
    places: Array, table: Array, out: Array, cover: Array, kind: Array,
) -> None:  # fmt: skip
    """Fill light, cover and kind where ids shows a triangle; see `paint.Solids`.

    texels (S*S,) uint32: factors of red, green, blue and a class, the lowest byte first.
    """
    width, head = ids.shape[1], np.uint32(len(head_uv))
    columns, classes = np.empty(width, np.uint32), np.empty(width, np.uint8)
    corners, words = np.empty((4, width), np.uint32), np.empty((5, width), np.uint32)
    values = np.empty((8, width), np.float32)  # shares, light, place between texels
    for row in range(ids.shape[0]):
        count = _list_pixels(ids[row], columns)
        _weigh(ids[row], columns, count, float(row), screen, faces, source, corners, values)
        _mix(corners, count, light, kinds, values, classes)
        if head > 0:
            _find_texels(corners, count, head_uv, size, values, words)
            for n in range(count):
                for m in range(5):
                    words[m, n] = texels[words[m, n]]
            for channel in range(3):
                _multiply_detail(corners, count, head, channel, words, values)
            _classify(corners, count, head, words, classes)
        _dress(corners, count, head, texture, uv, buffer, places, table, values)
        for n in range(count):
            c = columns[n]
            out[0, row, c], out[1, row, c], out[2, row, c] = (
                values[3, n],
                values[4, n],
                values[5, n],
            )
            cover[row, c], kind[row, c] = 1, classes[n]
