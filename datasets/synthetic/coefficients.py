"""Random coefficients of a face: who it is and what it does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .chance import one_of, pick, running_shares

Array = NDArray[np.float32]

_SHARES = running_shares((0.15, 0.3, 0.35, 0.2))
_GAZE, _FULL_GAZE = 13.0, 25.0
"""Spread of the gaze to the sides, and the turn of an eye by a weight of 1, degrees."""

_UNUSED = ("eyeLook", "tongueOut", "mouthClose")
_SMILE = (("mouthSmile", 1, 1), ("mouthUpperUp", 0.1, 0.6), ("mouthLowerDown", 0.1, 0.8),
          ("cheekSquint", 0, 0.8), ("eyeSquint", 0, 0.5))  # fmt: skip


def half(values: NDArray) -> Array:
    """Rounded to what float16 holds, so that stored coefficients are those that were drawn."""
    return values.astype(np.float16).astype(np.float32)


def draw_identity(rng: np.random.Generator, count: int) -> Array:
    """`count` identity coefficients: normal, with three spreads so that rare faces occur."""
    return half(rng.standard_normal(count) * one_of(rng, (0.9, 1.1, 1.25)))


def draw_expression(rng: np.random.Generator, names: Sequence[str]) -> Array:
    """Blendshape weights in [0,1]: few at once, with smiles and open mouths as presets."""
    place = {name: k for k, name in enumerate(names)}
    count = len(names)
    dense = (0.0, 0.08, 0.2, 0.35)[pick(rng, _SHARES)]
    values = rng.beta(0.35, 1.4, count) * (rng.random(count) < dense)
    kind = rng.random()
    if kind < 0.32:
        _smile(rng, values, place)
    elif kind < 0.45:
        _both(values, place, "mouthSmile", rng.uniform(0, 1))
    if rng.random() < 0.15:
        values[place["jawOpen"]] = rng.beta(1, 1.8)
    if rng.random() < 0.12:
        _both(values, place, "eyeBlink", rng.uniform(0.3, 1))
    for name, k in place.items():
        if name.startswith(_UNUSED):
            values[k] = 0
    _look(rng, values, place)
    _tongue_and_lips(rng, values, place)
    return half(np.clip(values, 0, 1))


def _both(values: NDArray, place: dict[str, int], name: str, amount: float) -> None:
    for side in ("Left", "Right"):
        values[place[name + side]] = amount


def _look(rng: np.random.Generator, values: NDArray, place: dict[str, int]) -> None:
    """Both eyes turn together, to any side."""
    if rng.random() < 0.2:
        return
    aside, up = rng.normal(0, _GAZE, 2) / _FULL_GAZE * [1, 0.55]
    factors = np.clip(1 + 0.08 * rng.standard_normal(2), 0.7, 1.3)
    outward = ("Left", "Right") if aside > 0 else ("Right", "Left")
    for name, side, factor in zip(("Out", "In"), outward, factors, strict=True):
        values[place[f"eyeLook{name}{side}"]] = abs(aside) * factor
    _both(values, place, "eyeLookUp" if up > 0 else "eyeLookDown", abs(up))


def _tongue_and_lips(rng: np.random.Generator, values: NDArray, place: dict[str, int]) -> None:
    """Now and then lips that stay closed over an open jaw, and rarely a tongue."""
    kind = rng.random()
    if kind < 0.05:
        jaw = values[place["jawOpen"]] = rng.uniform(0, 0.8)
        values[place["mouthClose"]] = jaw * rng.uniform(0.8, 1)
    elif kind < 0.07:
        values[place["jawOpen"]] = rng.uniform(0.3, 0.8)
        values[place["tongueOut"]] = rng.uniform(0.3, 1)


def _smile(rng: np.random.Generator, values: NDArray, place: dict[str, int]) -> None:
    """A toothy smile, a little uneven."""
    strength = rng.uniform(0.3, 1)
    for name, low, high in _SMILE:
        amount = strength * rng.uniform(low, high)
        for side in ("Left", "Right"):
            values[place[name + side]] = amount * (1 + 0.1 * rng.standard_normal())
    values[place["jawOpen"]] = rng.uniform(0, 0.3)
