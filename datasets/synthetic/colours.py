"""Colours of hair and cloth, in linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chance import one_of, pick, running_shares
from .filters import to_linear

# fmt: off
_HAIR = np.array([
    [.012, .009, .008], [.03, .018, .012], [.07, .04, .022], [.14, .08, .04], [.35, .24, .12],
    [.45, .40, .34], [.18, .06, .03], [.02, .02, .02],
])
# fmt: on
_DARK_SKIN = 0.42
_HAIR_SHARES = running_shares((0.25, 0.2, 0.15, 0.1, 0.12, 0.06, 0.05, 0.07))


def hair_colour(rng: np.random.Generator, skin: float) -> NDArray[np.float64]:
    """Black to blond, grey and red, mostly dark on dark skin; (3,).

    Args:
        rng: source of chance.
        skin: mean sRGB-coded albedo of the face.
    """
    kind = pick(rng, _HAIR_SHARES)
    if skin < _DARK_SKIN and rng.random() < 0.8:
        kind = one_of(rng, (0, 1, 7))
    base = _HAIR[kind]
    return base * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.05, 3))


def cloth_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Anything, or black, white or grey in every second; (3,)."""
    if rng.random() < 0.5:
        return np.full(3, one_of(rng, (0.01, 0.03, 0.1, 0.4, 0.8)))
    code = rng.uniform(0.05, 0.8) + rng.normal(0, 1, 3) * one_of(rng, (0.05, 0.12, 0.3))
    return to_linear(np.clip(code, 0.02, 0.97)).astype(np.float64)
