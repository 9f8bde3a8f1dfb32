"""Make-up of one person, on the vertices of the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters import to_linear
from ..head import Head
from ..shapes import blend, multiply
from ..traits import Traits
from .tone import blood_shown, from_lab

Array = NDArray[Any]
_LIPSTICKS = np.array([
    [0.72, 0.13, 0.17], [0.62, 0.08, 0.14], [0.78, 0.33, 0.38], [0.70, 0.42, 0.38],
    [0.45, 0.10, 0.16], [0.80, 0.30, 0.24], [0.60, 0.30, 0.28],
])  # fmt: skip
"""sRGB-coded: red, dark red, pink, nude, plum, coral, brown."""

_SHADOWS = np.array([
    [0.5, 0.4, 0.36], [0.35, 0.33, 0.34], [0.55, 0.38, 0.45], [0.25, 0.22, 0.2],
    [0.5, 0.46, 0.52], [0.75, 0.62, 0.5], [0.35, 0.42, 0.55],
])  # fmt: skip
"""Over the skin's colour: brown, grey, plum, black, violet, gold, blue."""

_WOMEN, _MEN = 0.45, 0.02


@dataclass(frozen=True)
class MakeUp:
    """Colours (3,) in linear light and how much of each there is, 0 to 1.

    Attributes:
        lips, lids: over the lips and over the lids; blush: how much the cheeks redden; lashes: how
            dark the lashes' lines are.
    """

    lips: tuple[Array, float]
    lids: tuple[Array, float]
    blush: float
    lashes: float

    def put_on(self, head: Head, albedo: Array) -> None:
        """Colour an albedo (V,3), linear light, in place."""
        masks = head.masks
        if self.lips[1]:
            blend(albedo, masks.lips.scaled(self.lips[1]), self.lips[0])
        if self.lids[1]:
            blend(albedo, masks.lids.scaled(self.lids[1]), self.lids[0])
        if self.blush:
            multiply(albedo, masks.cheeks.scaled(self.blush), np.array([0.12, -0.3, -0.22]))
        blend(albedo, masks.lashes.scaled(self.lashes), np.full(3, 0.015))


def draw_make_up(rng: np.random.Generator, traits: Traits, tone: Array) -> MakeUp:
    """Make-up by sex and by the skin's tone (3,) of `draw_tone`."""
    skin = from_lab(tone)
    share = _MEN + (_WOMEN - _MEN) * min(max(0.5 - traits.sex, 0.0), 1.0)
    worn = rng.random(3) < share * np.array([1.0, 0.7, 0.6])
    stick = to_linear(
        np.clip(_LIPSTICKS[rng.integers(len(_LIPSTICKS))] * np.exp(rng.normal(0, 0.12, 3)), 0, 1)
    )
    stick = stick * min(float(skin.mean()) / 0.25, 1) ** 0.6
    shadow = skin * _SHADOWS[rng.integers(len(_SHADOWS))] * np.exp(rng.normal(0, 0.25))
    lashes = rng.uniform(0.2, 0.6) + 0.35 * float(rng.random() < share)
    return MakeUp(
        lips=(stick, float(worn[0] * rng.uniform(0.25, 0.85))),
        lids=(shadow, float(worn[1] * rng.uniform(0.15, 0.7))),
        blush=float(worn[2] * rng.uniform(0.25, 0.8) * blood_shown(tone)),
        lashes=lashes,
    )
