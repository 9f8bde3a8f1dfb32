"""Colours of hair and cloth in linear light, and how a camera codes light: sRGB, softly limited."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chance import one_of, pick, running_shares
from .filters import to_linear, to_srgb

BRIGHTEST = 4.0
"""Linear light from which on all is white."""

STEPS = 2048

# fmt: off
_HAIR = np.array([
    [.012, .009, .008], [.03, .018, .012], [.07, .04, .022], [.14, .08, .04], [.31, .215, .125],
    [.45, .37, .27], [.16, .062, .03], [.021, .018, .016],
])
# fmt: on
_DARK_SKIN = 0.42
_HAIR_SHARES = running_shares((0.26, 0.21, 0.16, 0.11, 0.13, 0.01, 0.05, 0.07))

_WARMER = np.array([0.06, 0.0, -0.07])
_GREY = np.array([0.31, 0.28, 0.235])
"""White hair; what is called grey is a mixture of it with the hair of before."""
_GREY_BROWS = np.array([0.19, 0.165, 0.135])
"""Grey brows: thin hair with its own shadow on the skin."""


def _coding_table() -> NDArray[np.float32]:
    light = BRIGHTEST * (np.arange(STEPS + 1) / STEPS) ** 2
    light = np.where(light > 0.8, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)), light)
    return to_srgb(light)


CODE = _coding_table()
"""Linear light x to sRGB with a soft shoulder above 0.8, at equal steps of sqrt(x / BRIGHTEST)."""


def code(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of any shape, 0 or more, sRGB-coded with the shoulder, in [0,1]."""
    root = np.sqrt(np.minimum(light, np.float32(BRIGHTEST)) * np.float32(1 / BRIGHTEST))
    return CODE[(root * np.float32(STEPS) + np.float32(0.5)).astype(np.int32)]


def hair_colour(rng: np.random.Generator, skin: float, age: float) -> NDArray[np.float64]:
    """Black to blond, grey and red, mostly dark on dark skin, greyer with age; (3,).

    Args:
        rng: source of chance.
        skin: mean sRGB-coded albedo of the face.
        age: years.
    """
    kind = pick(rng, _HAIR_SHARES)
    if skin < _DARK_SKIN and rng.random() < 0.8:
        kind = one_of(rng, (0, 1, 7))
    base = _HAIR[kind] * np.exp(rng.normal(0, 0.25) + rng.normal(0, 1) * _WARMER)
    dyed = rng.random() < 0.25
    return base if dyed else _greyed(base, _grey_share(rng, age))


def _grey_share(rng: np.random.Generator, age: float) -> float:
    """Share of white hairs: half of people have half of theirs white at about 59."""
    share = 1 / (1 + np.exp(-(age - rng.normal(59, 8)) / 4))
    return min(max(float((share - 0.12) / 0.76), 0.0), 1.0)


def _greyed(colour: NDArray, share: float, grey: NDArray = _GREY) -> NDArray[np.float64]:
    return colour + share * (np.maximum(grey, colour) - colour)


def brow_colour(rng: np.random.Generator, hair: NDArray, age: float) -> NDArray[np.float64]:
    """Colour of brows (3,): of the hair, but darker where that is light, and later grey.

    Args:
        rng: source of chance.
        hair: (3,) of the head, linear light.
        age: years.
    """
    deep = hair * (0.035 / max(float(hair.mean()), 0.035)) ** rng.uniform(0.45, 0.9)
    share = 0.7 * _grey_share(rng, age - 10)
    return _greyed(deep * np.exp(rng.normal(0, 0.2)), share, _GREY_BROWS)


def beard_colour(rng: np.random.Generator, hair: NDArray, age: float) -> NDArray[np.float64]:
    """Colour of a beard (3,): of the hair, darker in its own shade, redder, grey a little earlier.

    See `brow_colour` for the arguments.
    """
    warm = np.exp(rng.uniform(0, 2.5) * _WARMER + rng.normal(0, 0.15))
    warm = 0.65 * warm * (0.12 / max(float(hair.mean()), 0.12)) ** 0.7
    return _greyed(np.minimum(hair * warm, 0.5), _grey_share(rng, age + 4))


def cloth_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Anything, or black, white or grey in every second; (3,)."""
    if rng.random() < 0.5:
        return np.full(3, one_of(rng, (0.01, 0.03, 0.1, 0.4, 0.8)))
    code = rng.uniform(0.05, 0.8) + rng.normal(0, 1, 3) * one_of(rng, (0.05, 0.12, 0.3))
    return to_linear(np.clip(code, 0.02, 0.97)).astype(np.float64)
