"""Places without faces: views of panoramas, painted ones, surfaces of skin or with patterns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import filters
from .background import draw_background
from .chance import one_of, pick, running_shares
from .coding import BRIGHTEST, code
from .panorama import Panorama, Panoramas
from .panorama_view import look_around

Array = NDArray[Any]

_SHARES = running_shares((0.55, 0.3, 0.15))


class Places:
    """Pictures of places by number, made when they are asked for and kept.

    Args:
        panoramas: where views are taken; None: painted places alone.
        size: side of the pictures, pixels. count: how many there are.
        seed: the same one gives the same places.
    """

    def __init__(self, panoramas: Panoramas | None, size: int, count: int, seed: int) -> None:
        self._panoramas, self._size, self._seed = panoramas, size, seed
        self._kept: list[NDArray[np.uint8] | None] = [None] * count

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        """Place `number`, (size,size,3)."""
        kept = self._kept[number]
        if kept is None:
            rng = np.random.default_rng([self._seed, number])
            kept = self._kept[number] = draw_place(rng, self._size, self._panoramas)
        return kept


def draw_place(
    rng: np.random.Generator, size: int, panoramas: Panoramas | None
) -> NDArray[np.uint8]:
    """A picture (size,size,3) without a face.

    Args:
        rng: chance.
        size: side, pixels.
        panoramas: of which views are taken; None paints all places.
    """
    kind = pick(rng, _SHARES)
    if kind == 0 and panoramas is not None:
        picture = _view(rng, size, panoramas.draw(rng))
    elif kind < 2:
        picture = draw_background(rng, size)
    else:
        picture = _surface(rng, size)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def skin_tone(rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour (3,) that skin may have in photographs, sRGB-coded."""
    dark, light = np.array([0.25, 0.15, 0.11]), np.array([0.95, 0.78, 0.7])
    tone = dark + rng.uniform(0, 1) * (light - dark)
    return np.clip(tone * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)), 0, 1)


def _view(rng: np.random.Generator, size: int, panorama: Panorama) -> Array:
    """A look in any direction, at any exposure."""
    angle = math.radians(rng.uniform(25, 100))
    yaw, pitch, roll = rng.uniform(-math.pi, math.pi), rng.normal(0, 0.35), rng.normal(0, 0.1)
    gain = np.exp(rng.normal(-0.3, 0.6) + rng.normal(0, 0.1, 3))
    seen = look_around(panorama, (yaw, pitch, roll), angle, gain, size)
    coded = code(np.minimum(seen, np.float32(BRIGHTEST)))
    if rng.random() < 0.5:  # its pixels are coarse: something fine over them
        noise = filters.smooth_noise(rng, size, int(rng.integers(40, 160)), 3)
        coded = coded * (1 + np.float32(rng.uniform(0.02, 0.2)) * noise)
    return coded


def _surface(rng: np.random.Generator, size: int) -> Array:
    """Skin, wood, cloth: one colour with shading and relief, folds, rings or a grid of things."""
    tone = skin_tone(rng) if rng.random() < 0.7 else rng.uniform(0, 1, 3)
    picture = np.broadcast_to(tone.astype(np.float32), (size, size, 3)).copy()
    for cells in (2, 5, 12, 40):
        if rng.random() < 0.6:
            shade = filters.smooth_noise(rng, size, cells)
            picture *= np.exp(np.float32(rng.uniform(0.05, 0.35)) * shade)
    x, y = (np.mgrid[:size, :size] / size - rng.uniform(0.2, 0.8, 2)[:, None, None])[::-1]
    wave = one_of(rng, (np.hypot(x, y), x + rng.normal(0, 0.5) * y, np.sin(9 * x) * np.sin(9 * y)))
    if rng.random() < 0.6:
        depth, pitch = rng.uniform(0.05, 0.5), rng.uniform(3, 60)
        picture *= (1 + depth * np.sin(pitch * wave + rng.uniform(0, 6))).astype(np.float32)[
            ..., None
        ]
    return picture
