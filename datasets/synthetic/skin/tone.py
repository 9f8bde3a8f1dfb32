"""Colours of people's skin, and the albedo coefficients that come nearest to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Redness a* and yellowness b* (CIELAB, D65) of skin by its lightness L*. The figures are ours; they
# follow what was measured: groups of people overlap, differ in L* and b*, and hardly in a* (Xiao et
# al. 2017, "Characterising the variations in ethnic skin colours"); lightness and chroma of all lie
# on one curve with the strongest colours in the middle, so that dark skin is less red and less
# yellow than olive skin ("Comparing skin colours between different skin groups").
_CURVE = np.array([
    [20, 6.0, 6.0], [28, 8.2, 9.5], [36, 9.8, 13.5], [44, 10.8, 17.0], [52, 11.4, 18.8],
    [60, 11.0, 18.2], [68, 9.6, 16.6], [76, 8.0, 14.2], [84, 6.5, 12.0],
])  # fmt: skip
_SPREAD = 1.6, 2.3
"""Deviation of a* and b* about the curve, smaller where colours are weak."""

_OPEN = 1e-4
"""Variance of what may stay open: no mode alone makes skin redder, and none shall be forced to."""

_LIGHTEST, _DARKEST = 75.0, 24.0
_HUES = 47.0, 65.0
"""Degrees between red and yellow."""

_WHITE = np.array([0.95047, 1.0, 1.08883])
# fmt: off
_TO_XYZ = np.array([
    [0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505],
])
# fmt: on
_FROM_XYZ = np.linalg.inv(_TO_XYZ).T


def draw_tone(rng: np.random.Generator) -> NDArray[np.float64]:
    """Colour (L*, a*, b*) of a person's cheeks and forehead, over half of them light."""
    light = rng.random() < 0.55
    lightness = rng.normal(62, 5.5) if light else rng.uniform(_DARKEST, 64)
    lightness = min(max(float(lightness), _DARKEST), _LIGHTEST)
    middle = np.array([np.interp(lightness, _CURVE[:, 0], column) for column in _CURVE.T[1:]])
    weak = middle / np.array([11.0, 18.0])
    a, b = middle + rng.normal(0, 1, 2).clip(-2.2, 2.2) * np.array(_SPREAD) * weak
    hue = np.radians(min(max(np.degrees(np.arctan2(b, a)), _HUES[0]), _HUES[1]))
    return np.array([lightness, *(np.hypot(a, b) * np.array([np.cos(hue), np.sin(hue)]))])


def blood_shown(tone: Array) -> float:
    """How much blood shows through skin of a tone (3,): less through dark skin, 0.25 to 1."""
    return min(max(float((tone[0] - 18) / 42), 0.25), 1.0)


def from_lab(lab: Array) -> NDArray[np.float64]:
    """Linear light (...,3) of colours (...,3) in CIELAB under D65."""
    y = (lab[..., :1] + 16) / 116
    f = np.concatenate([y + lab[..., 1:2] / 500, y, y - lab[..., 2:] / 200], -1)
    xyz = _WHITE * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    return np.maximum(xyz @ _FROM_XYZ, 1e-4)


def to_lab(light: Array) -> NDArray[np.float64]:
    """CIELAB under D65 of linear light (...,3)."""
    xyz = np.asarray(light, float) @ _TO_XYZ.T / _WHITE
    low = xyz / (3 * (6 / 29) ** 2) + 4 / 29
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(np.maximum(xyz, 1e-9)), low)
    parts = [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])]
    return np.stack(parts, -1)


def nearest_albedo(chance: Array, mean: Array, effect: Array, wanted: Array) -> NDArray[np.float64]:
    """Coefficients (K,) drawn as `chance` (K,) is, given that they yield a colour.

    The conditional normal distribution: what `chance` lacks of the wanted colour is spread over the
    modes that change it most; a little may stay open.

    Args:
        chance: independent normal numbers.
        mean: (3,) colour without coefficients, sRGB-coded.
        effect: (K,3) change of the colour by each.
        wanted: (3,), sRGB-coded.
    """
    missing = wanted - mean - chance @ effect
    steady = effect.T @ effect + _OPEN * np.eye(3)
    return chance + effect @ np.linalg.solve(steady, missing)
