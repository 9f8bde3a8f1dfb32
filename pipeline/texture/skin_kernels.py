"""Compiled loops over a texture's texels that weigh and complete its skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from ..segment.evidence import BEARD, EYE, GLASSES, HAIR, MOUTH, SKIN, TEETH

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_ONE, _TWO, _THREE = np.float32(1), np.float32(2), np.float32(3)
FRONT, SURE, HINT, FACING, FEATURES, SHOWN, INSIDE, EYEBALL = range(8)
"""Rows of the limits (8,2) that `weigh` is given."""


@inline
def _step(x: float, limits: Floats, row: int) -> np.float32:
    """0 below the row's first limit, 1 above its second, smooth between."""
    t = (np.float32(x) - limits[row, 0]) / (limits[row, 1] - limits[row, 0])
    t = min(max(t, np.float32(0)), _ONE)
    return t * t * (_THREE - _TWO * t)


@kernel
def weigh(
    shown: Floats, facing: Floats, own: Bools, features: Floats, brows: Floats, limits: Floats,
    segmented: bool, glasses: float, known: Floats, pasted: Floats,
) -> None:  # fmt: skip
    """How far texels (T,) tell the tone of skin, and how far they are carried over themselves.

    Texels that are not `own` count as known. Brows, lids, nose and lips are small, and segmented
    softly: whatever is face there is theirs, and dark brows that are taken for hair, but no teeth
    on lips and no eyes on lids.

    Args:
        shown: (T,7) evidence. facing: (T,). own: (T,) texels of skin.
        features, brows: (T,), see `Atlas`. limits: (8,2), see the names above.
        segmented: whether there is any evidence. glasses: 1 to carry them over, else 0.
        known, pasted: (T,), the results.
    """
    for t in range(len(own)):
        known[t] = pasted[t] = 0 if own[t] else 1
        if not own[t] or facing[t] <= 0:
            continue
        bare = shown[t, SKIN] + shown[t, BEARD]
        inside = shown[t, TEETH] + shown[t, MOUTH]
        if segmented:
            bare *= _ONE - _step(shown[t, EYE] + inside, limits, HINT)
        known[t] = _step(facing[t], limits, FRONT) * _step(bare, limits, SURE)
        lenses = np.float32(glasses) * shown[t, GLASSES]
        weight = _step(facing[t], limits, FACING) * _step(bare + lenses, limits, SURE)
        if segmented and features[t] > 0:
            face = shown[t, SKIN] + shown[t, BEARD] + shown[t, EYE] + inside
            face += brows[t] * shown[t, HAIR] + lenses
            clear = _ONE - _step(inside, limits, INSIDE)
            clear *= _ONE - _step(shown[t, EYE], limits, EYEBALL)
            face = _step(facing[t], limits, FEATURES) * _step(face, limits, SHOWN) * clear
            weight = max(weight, features[t] * face)
        pasted[t] = weight


@kernel
def doubt(sampled: Floats, fitted: Floats, usual: Floats, odd: float, known: Floats) -> None:
    """Lower weights (T,) by how far differences (T,3) are from the usual (3,), in place.

    The weight of Geman and McClure, which is a quarter at `odd`.
    """
    scale = np.float32(odd * odd)
    for t in range(len(known)):
        if known[t] > 0:
            away = np.float32(0)
            for c in range(3):
                off = sampled[t, c] - fitted[t, c] - usual[c]
                away += off * off
            share = scale / (away + scale)
            known[t] *= share * share
