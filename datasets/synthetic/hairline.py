"""Where hair and hats end: a random line round the head for each style."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chance import one_of
from .masks import sigmoid
from .scalp import COLUMNS
from .surface import ring_noise

STYLES = ("short", "long", "fringe", "tied", "hat", "scarf")


def draw_hairline(rng: np.random.Generator, style: str, angle: NDArray) -> NDArray[np.float64]:
    """How far each column reaches down from the crown: 1 is eye level; angle 0 is the front."""
    aside = np.abs((angle + np.pi) % (2 * np.pi) - np.pi)
    front, side, back = rng.uniform(0.5, 0.76), rng.uniform(0.92, 1.16), rng.uniform(1.2, 1.45)
    if style == "hat":
        front, side, back = rng.uniform(0.55, 0.8), rng.uniform(0.8, 1.0), rng.uniform(0.85, 1.1)
    elif style == "fringe":
        front, side = rng.uniform(0.7, 0.9), one_of(rng, (side, rng.uniform(1.2, 2.4)))
    elif style in ("long", "scarf"):
        side = rng.uniform(1.25, 2.7)
    elif style == "tied":
        side = rng.uniform(0.8, 1.02)
    elif rng.random() < 0.15:  # shaved sides, bald on top
        side = rng.uniform(0.7, 0.9)
    temple = np.deg2rad(rng.uniform(48, 72))
    beside = sigmoid((aside - temple) / np.deg2rad(rng.uniform(3, 10))).astype(float)
    behind = sigmoid((aside - np.deg2rad(rng.uniform(98, 115))) / 0.12).astype(float)
    reach = front * (1 - beside) + beside * (side * (1 - behind) + behind * max(side, back))
    if style in ("hat", "scarf"):
        return reach + ring(rng, 6) * 0.01
    reach = reach + ring(rng, int(rng.integers(4, 16))) * rng.uniform(0.01, 0.06)
    if rng.random() < 0.4:  # a parting on one side
        reach += np.cos(angle - one_of(rng, (-1, 1)) * 0.6) * rng.uniform(0, 0.12) * (1 - beside)
    if rng.random() < 0.12 and style != "scarf":  # blown or combed to one side
        reach += np.clip(np.sin(angle) * one_of(rng, (-1, 1)), 0, 1) * rng.uniform(0.2, 0.8)
    if rng.random() < 0.15 and style != "long":  # receding at the temples
        reach -= 0.2 * np.exp(-(((aside - 0.6) / 0.25) ** 2)) * rng.uniform(0.3, 1)
    return reach


def ring(rng: np.random.Generator, cells: int) -> NDArray[np.float64]:
    """Smooth normal noise (COLUMNS+1,) round the head, the last column as the first."""
    values = ring_noise(rng, COLUMNS, cells)
    return np.append(values, values[0])
