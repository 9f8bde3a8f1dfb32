"""The kernel that mixes the skin's layers, lines and hair to the texels of an atlas.

Blocks of texels that the first-level cache holds, one loop over them for each step, so that the
compiler vectorizes; what only some texels have is done for a list of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import inline, kernel
from ....geometry.segments import Segment

Array = NDArray[Any]
_BEARD = int(Segment.BEARD)
_BLOCK = 2048
_BRIGHT = np.float32(1.99)


@kernel
def mix_skin(
    where: Array, fields: Array, rows: Array, pigments: Array, strengths: Array, densities: Array,
    lines: Array, line_density: Array, brows: Array, first: int, brow_ratio: Array, beard: Array,
    hairs: Array, beard_density: float, soft: Array, beard_ratio: Array, lift: Array, texels: Array,
) -> None:  # fmt: skip
    """Mix layers (n,) by pigments, then lines, brows and beard; code as bytes of texels (S*S,).

    brows begin with the texel `first`.
    """
    total, factor = np.empty((4, _BLOCK), np.float32), np.empty((3, _BLOCK), np.float32)
    words, some = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.uint32)
    zero, one, half, byte = np.float32(0), np.float32(1), np.float32(0.5), np.float32(1 / 255)
    for start in range(0, len(where), _BLOCK):
        count = min(_BLOCK, len(where) - start)
        total[:] = 0
        for n in range(len(rows)):
            _add(fields[rows[n], start : start + count], strengths[n], total[pigments[n]])
        for c in range(3):
            _transmit(total, densities[:, c], factor[c])
        _code(factor, words)
        listed = np.uint64(0)
        for i in range(count):
            texel = np.uint64(where[start + i])
            texels[texel] = words[i]
            some[listed] = i
            more = lines[texel] + _hair(brows, texel, first) + beard_density * beard[start + i] > 0
            listed += np.uint64(more | (len(lift) > 0))
        for n in range(listed):
            i = some[n]
            texel = np.uint64(where[start + i])
            line, brow = lines[texel], _hair(brows, texel, first)
            mask = beard_density * beard[start + i] * byte
            grain = hairs[start + i] * byte
            cover = min(max((mask - grain) * soft[0] + half * mask, zero), one)
            cover = cover if mask > 0 else zero
            shade, left = np.float32(1.35) - np.float32(0.7) * grain, one - min(mask, one) * soft[1]
            red = _over(factor[0, i] * left, line * line_density[0], cover, beard_ratio[0] * shade)
            green = _over(
                factor[1, i] * left, line * line_density[1], cover, beard_ratio[1] * shade
            )
            blue = _over(factor[2, i] * left, line * line_density[2], cover, beard_ratio[2] * shade)
            red += brow * (brow_ratio[0] - red)
            green += brow * (brow_ratio[1] - green)
            blue += brow * (brow_ratio[2] - blue)
            if len(lift) > 0:
                at = np.uint64(start + i)
                red, green, blue = red / lift[at, 0], green / lift[at, 1], blue / lift[at, 2]
            word = _coded(red) | _coded(green) << 8 | _coded(blue) << 16
            word |= _BEARD << 24 if mask > half else 0
            texels[texel] = word


@inline
def _add(field: Array, strength: float, out: Array) -> None:
    """Add strength times field (n,) of whole numbers to the first n of out."""
    for i in range(len(field)):
        out[i] += strength * np.float32(field[i])


@inline
def _transmit(total: Array, densities: Array, out: Array) -> None:
    """What is left of light: exp of minus the four pigments total (4,n), exp as a power of 16."""
    grey, melanin, blood, shade = -densities / np.float32(16)
    one, half = np.float32(1), np.float32(0.5)
    for i in range(len(out)):
        x = grey * total[0, i] + melanin * total[1, i] + (blood * total[2, i] + shade * total[3, i])
        x = one + x * (one + half * x)
        x *= x
        x *= x
        x *= x
        out[i] = x * x


@inline
def _hair(brows: Array, texel: int, first: int) -> float:
    """What is painted at a texel of an atlas of which brows are a part; 0 outside."""
    place = np.uint64(texel - np.uint64(first))
    inside = place < np.uint64(len(brows))
    return brows[place if inside else np.uint64(0)] * np.float32(inside)


@inline
def _over(value: np.float32, depth: np.float32, cover: np.float32, hair: np.float32) -> np.float32:
    """A factor under a line of an optical depth up to 1, then under hair that covers a share."""
    one, x = np.float32(1), depth * np.float32(-1 / 16)
    x = one + x * (one + x * (np.float32(0.5) + x * np.float32(1 / 6)))  # exp, to six digits
    x *= x
    x *= x
    x *= x
    value *= x * x
    return value + cover * (hair - value)


@inline
def _coded(factor: np.float32) -> np.int32:
    """A factor as a byte, 128 is 1, rounded without a carry in float32."""
    level = min(factor, _BRIGHT) * np.float32(128)
    whole = np.int32(level)
    return whole + np.int32(level - np.float32(whole) >= np.float32(0.5))


@inline
def _code(factor: Array, words: Array) -> None:
    """Factors (3,n) as bytes of words (n,)."""
    for i in range(len(words)):
        red, green, blue = _coded(factor[0, i]), _coded(factor[1, i]), _coded(factor[2, i])
        words[i] = red | green << 8 | blue << 16
