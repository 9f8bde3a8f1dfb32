"""Compiled loops over a texture's texels that weigh, spread and lay its hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from ..segment.evidence import BEARD, HAIR, SKIN

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_HALF, _ONE, _TWO, _THREE = np.float32(0.5), np.float32(1), np.float32(2), np.float32(3)
FACING, KNOWN, BORDER, SURE = range(4)
"""Rows of the limits (4,2) that the kernels are given."""


@inline
def _step(x: float, limits: Floats, row: int) -> np.float32:
    """0 below the row's first limit, 1 above its second, smooth between."""
    t = (np.float32(x) - limits[row, 0]) / (limits[row, 1] - limits[row, 0])
    t = min(max(t, np.float32(0)), _ONE)
    return t * t * (_THREE - _TWO * t)


@kernel
def hear(
    shown: Floats, facing: Floats, own: Bools, scalp: Floats, limits: Floats, hair: Floats,
    heard: Floats, carried: Floats,
) -> tuple[float, float]:  # fmt: skip
    """What texels (T,) say about hair; gives how much of the scalp is heard, and how much has hair.

    Args:
        shown: (T,7) evidence. facing: (T,). own: (T,) texels of skin.
        scalp: (T,), 1 on the texels that tell how hairy a head is.
        limits: (4,2), see the names above.
        hair: (T,) the chance of it. heard: (T,) how sure that is. carried: (T,) how far the
            photograph's hair is taken itself.
    """
    looked = hairy = 0.0
    for t in range(len(own)):
        hair[t] = heard[t] = carried[t] = 0
        if not own[t] or facing[t] <= 0:
            continue
        chance = shown[t, HAIR]
        known = _step(chance + shown[t, SKIN] + shown[t, BEARD], limits, KNOWN)
        known *= _step(facing[t], limits, FACING)
        hair[t], heard[t] = chance, known
        carried[t] = known * _step(chance, limits, BORDER)
        if scalp[t] > _HALF:
            looked += known
            hairy += known * chance
    return looked, hairy


@kernel
def mix(
    hair: Floats, heard: Floats, scalp: Floats, twin: NDArray[np.int64], grown: float,
    prior: float, own: Bools, mixed: Floats, weight: Floats,
) -> None:  # fmt: skip
    """The chance of hair (T,) with what is usual, and how well it is known, for `extend`.

    Usual is what grows on the other side, where that is heard, else on most heads.

    Args:
        hair, heard: (T,), as `hear` gives them. scalp: (T,) what is usual for a head with hair.
        twin: (T,) the mirror image of each texel; without texels where there is none.
        grown: how hairy this head is, which the usual is lowered by.
        prior: weight of the usual. own: (T,) texels that matter.
        mixed, weight: (T,), the results.
    """
    least = np.float32(prior)
    for t in range(len(own)):
        mixed[t] = weight[t] = 0
        if own[t]:
            usual = scalp[t]
            if len(twin):
                usual += heard[twin[t]] * (hair[twin[t]] - usual)
            usual *= np.float32(grown)
            known = heard[t]
            mixed[t] = (hair[t] * known + usual * least) / (known + least)
            weight[t] = min(known + least, _ONE)


@kernel
def cover(
    chance: Floats, heard: Floats, hairy: Floats, own: Bools, steepness: float, limits: Floats,
    covered: Floats,
) -> np.float32:  # fmt: skip
    """How far hair covers texels (T,), with another border where nobody saw it; gives the most.

    Args:
        chance, heard: (T,) of hair. hairy: (T,) where hair may be. own: (T,) texels of skin.
        steepness: of the border there, over that of one that is seen. limits: as `hear`.
        covered: (T,), the result.
    """
    most = np.float32(0)
    for t in range(len(own)):
        covered[t] = 0
        if own[t] and hairy[t] > 0:
            steep = _ONE + np.float32(steepness - 1) * (_ONE - heard[t])
            covered[t] = hairy[t] * _step(_HALF + (chance[t] - _HALF) * steep, limits, BORDER)
            most = max(most, covered[t])
    return most


@kernel
def sure_of(
    carried: Floats, hair: Floats, limits: Floats, sure: Floats
) -> tuple[float, np.float32]:
    """How far carried texels (T,) tell the colour of hair: their sum and the largest."""
    total, most = 0.0, np.float32(0)
    for t in range(len(carried)):
        sure[t] = 0
        if carried[t] > 0:
            sure[t] = carried[t] * _step(hair[t], limits, SURE)
            total += sure[t]
            most = max(most, sure[t])
    return total, most
