"""Moles: small brown spots of irregular outline, stamped on the skin's atlas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel

Array = NDArray[Any]
_DENSITY = np.array([0.75, 1.1, 1.3], np.float32)
"""Optical density of the darkest mole."""

_SOFT = 0.6
"""Texels over which a mole ends."""


def stamp_moles(rng: np.random.Generator, detail: Array, places: Array) -> None:
    """Darken a detail map (S,S,3) uint8 at a few of the places, in place.

    Args:
        rng: source of chance.
        detail: factors on the skin's colour.
        places: (n,) texels of skin, row * S + column.
    """
    count = min(int(rng.exponential(2.2)), 14)
    if count == 0:
        return
    texels = places[rng.integers(0, len(places), count)]
    size = detail.shape[1]
    spots = np.empty((count, 7), np.float32)
    spots[:, 0], spots[:, 1] = texels % size, texels // size
    spots[:, 2] = 0.7 + rng.exponential(0.55, count).clip(0, 2.2)
    spots[:, 3] = rng.uniform(0.65, 1, count)
    spots[:, 4:6] = rng.uniform(0, 2 * np.pi, (count, 2))
    spots[:, 6] = rng.uniform(0.25, 1, count)
    _stamp(spots, _DENSITY, np.float32(_SOFT), detail)


@kernel
def _stamp(spots: Array, density: Array, soft: float, detail: Array) -> None:
    """Spots (N,7): column, row, radius, flatness, turn, phase of the outline, strength."""
    zero, one = np.float32(0), np.float32(1)
    for n in range(len(spots)):
        x, y, radius, flat, turn, phase, strength = spots[n]
        c, s, reach = math.cos(turn), math.sin(turn), int(radius * 1.4 + 2)
        for row in range(max(int(y) - reach, 0), min(int(y) + reach + 1, detail.shape[0])):
            for column in range(max(int(x) - reach, 0), min(int(x) + reach + 1, detail.shape[1])):
                dx, dy = column - x, row - y
                along, across = c * dx + s * dy, (c * dy - s * dx) / flat
                outline = radius * (
                    one + np.float32(0.2) * math.sin(3 * math.atan2(across, along) + phase)
                )
                inside = (outline - math.sqrt(along * along + across * across)) / soft + np.float32(
                    0.5
                )
                share = strength * min(max(inside, zero), one)
                for k in range(3):
                    factor = math.exp(-share * density[k])
                    detail[row, column, k] = int(detail[row, column, k] * factor + 0.5)
