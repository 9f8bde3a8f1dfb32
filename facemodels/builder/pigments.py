"""Colours of skin and hair from their pigments, in linear light."""

from __future__ import annotations

import numpy as np

from .hm08 import Array

# Natural logarithms of linear R, G, B per unit of each pigment. They are fitted (to 0.2 of CIELAB)
# to L*, a*, b* of skin from (80, 8, 13) over (61, 12.5, 18) and (45, 13, 17) to (24, 8, 9):
# colour is strongest in the middle of the range. The first melanin of a skin stains
# it, _STAIN at most; more of it only darkens.
_BARE = np.array([0.785, 0.657, 0.509])
_MELANIN = np.array([0.657, 0.604, 0.539])
_STAIN = np.array([0.439, 0.924, 1.273])
_STAINED = 0.452  # melanin at which the stain has come to 1 - 1/e
_BLOOD = np.array([0.08, 0.36, 0.26])
_YELLOW = np.array([0.0, 0.02, 0.30])
# The lightest and the darkest hair, and what lies between by its own melanin, 0 to about 4.
_FAIR_HAIR = np.array([0.42, 0.28, 0.165])
_HAIR_MELANIN = np.array([0.92, 1.05, 1.00])


def skin_colour(melanin: Array, blood: Array, yellow: Array | float = 0.0) -> Array:
    """Linear reflectance (V,3) of skin.

    Args:
        melanin: (V,), from 0, the lightest, over 0.4 to 3, the darkest.
        blood: (V,), 0.5 on the average.
        yellow: (V,) or one number, 0 on the average.
    """
    melanin = np.maximum(melanin, 0)
    stain = 1 - np.exp(-melanin / _STAINED)
    density = melanin[:, None] * _MELANIN + stain[:, None] * _STAIN
    density = density + np.maximum(blood, 0)[:, None] * _BLOOD
    density += (np.zeros(len(melanin)) + yellow)[:, None] * _YELLOW
    return _BARE * np.exp(-density)


def hair_colour(melanin: float) -> Array:
    """Linear reflectance (3,) of hair: 0 is fair, 2 brown, 4 black."""
    return _FAIR_HAIR * np.exp(-melanin * _HAIR_MELANIN)


def blend(colour: Array, over: Array, share: Array) -> Array:
    """Colours (V,3) with `over` (3,) or (V,3) on top in the shares (V,)."""
    cover = np.clip(share, 0, 1)[:, None]
    return colour * (1 - cover) + over * cover


def to_srgb(linear: Array) -> Array:
    """sRGB transfer curve (IEC 61966-2-1) of linear values."""
    curve = 1.055 * np.clip(linear, 1e-6, None) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)


def to_linear(coded: Array) -> Array:
    """Linear values of sRGB-coded ones."""
    curve = ((np.maximum(coded, 0) + 0.055) / 1.055) ** 2.4
    return np.where(coded <= 0.04045, coded / 12.92, curve)
