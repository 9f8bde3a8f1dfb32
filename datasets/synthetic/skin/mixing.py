"""The kernel that mixes the skin's layers, lines and hair to the texels of an atlas.

A run of neighbouring texels at a time, which the first-level cache holds, one loop over it for each
step, so that the compiler vectorizes; what only some texels have is collected for these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import inline, kernel
from ....geometry.segments import Segment

Array = NDArray[Any]
LONGEST = 1024
"""Texels of the longest run that can be mixed."""

_BEARD = int(Segment.BEARD)
_BRIGHT = np.float32(1.99)


@kernel
def mix_skin(
    runs: Array, fields: Array, rows: Array, pigments: Array, strengths: Array, densities: Array,
    lines: Array, line_density: Array, brows: Array, first: int, brow_ratio: Array, beard: Array,
    hairs: Array, beard_density: float, soft: Array, beard_ratio: Array, lift: Array, texels: Array,
) -> None:  # fmt: skip
    """Mix layers (n,) by pigments, then lines, brows and beard; code as bytes of texels (S*S,).

    runs (R,3): first of the n, first texel and length, see `SkinMap`; brows begin with the texel
    `first`.
    """
    total, factor = np.empty((4, LONGEST), np.float32), np.empty((3, LONGEST), np.float32)
    grown, look = np.empty((3, LONGEST), np.float32), np.empty((3, LONGEST), np.float32)
    mask, line, brow = grown[0], grown[1], grown[2]
    for r in range(len(runs)):
        start, texel, count = runs[r, 0], runs[r, 1], runs[r, 2]
        total[:, :count], brow[:count] = 0, 0
        for n in range(len(rows)):
            _add(fields[rows[n], start : start + count], strengths[n], total[pigments[n]])
        for c in range(3):
            _transmit(total, densities[:, c], factor[c, :count])
        _scale(beard[start : start + count], beard_density * np.float32(1 / 255), mask)
        line[:count] = lines[texel : texel + count]
        low, end = max(texel, first), min(texel + count, first + len(brows))
        if low < end:
            brow[low - texel : end - texel] = brows[low - first : end - first]
        if len(lift) > 0 or _any(grown[:, :count]):
            _weigh(mask[:count], hairs[start : start + count], soft, look)
            for c in range(3):
                value = factor[c, :count]
                _grow(value, grown, line_density[c], look, beard_ratio[c], brow_ratio[c])
                if len(lift) > 0:
                    value /= lift[start : start + count, c]
        _code(factor, mask, texels[texel : texel + count])


@inline
def _add(field: Array, strength: float, out: Array) -> None:
    """Add strength times field (n,) of whole numbers to the first n of out."""
    for i in range(len(field)):
        out[i] += strength * np.float32(field[i])


@inline
def _scale(field: Array, factor: float, out: Array) -> None:
    """factor times field (n,) of bytes, to the first n of out."""
    for i in range(len(field)):
        out[i] = factor * np.float32(field[i])


@inline
def _any(grown: Array) -> bool:
    """Whether anything grows on some texels (3,n): nothing is below 0."""
    found = np.int32(0)
    for i in range(grown.shape[1]):
        found += np.int32(grown[0, i] + grown[1, i] + grown[2, i] > 0)
    return bool(found > 0)


@inline
def _weigh(mask: Array, hairs: Array, soft: Array, look: Array) -> None:
    """How much a beard (n,) covers, how much light it leaves between its hairs, and how bright
    these are; into look (3,>=n)."""
    zero, one = np.float32(0), np.float32(1)
    for i in range(len(mask)):
        share, grain = mask[i], np.float32(hairs[i]) * np.float32(1 / 255)
        cover = min(max((share - grain) * soft[0] + np.float32(0.5) * share, zero), one)
        look[0, i] = cover if share > 0 else zero
        look[1, i] = one - min(share, one) * soft[1]
        look[2, i] = np.float32(1.35) - np.float32(0.7) * grain


@inline
def _grow(
    values: Array, grown: Array, depth: float, look: Array, beard: float, brow: float
) -> None:
    """Draw lines of an optical depth up to 1, a beard and brows over one colour (n,), in place."""
    for i in range(len(values)):
        line = grown[1, i] * depth
        value = _over(values[i] * look[1, i], line, look[0, i], beard * look[2, i])
        values[i] = value + grown[2, i] * (brow - value)


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
def _code(factor: Array, mask: Array, words: Array) -> None:
    """Factors (3,n) as bytes of words (n,), the fourth is the class of beards, or 0."""
    half, beard, none = np.float32(0.5), np.int32(_BEARD << 24), np.int32(0)
    for i in range(len(words)):
        red, green, blue = _coded(factor[0, i]), _coded(factor[1, i]), _coded(factor[2, i])
        words[i] = red | green << 8 | blue << 16 | (beard if mask[i] > half else none)
