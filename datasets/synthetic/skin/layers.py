"""Layers that details of skin are mixed from: grain, blotches, freckles, redness, shadows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..head import Head
from ..masks import sigmoid
from ..traits import Traits
from .hairs import paint_beards
from .map import SkinMap
from .noise import spots, value_noise

Array = NDArray[Any]
_VARIANTS = 3
_UNIT = 32.0
"""Steps of the stored bytes for 1."""

PIGMENTS = np.array(
    [[1.0, 1.0, 1.0], [0.7, 1.0, 1.15], [-0.1, 1.0, 0.75], [0.75, 1.0, 0.95]], np.float32
)
"""How much more of a pigment dims red, green and blue: of grey, melanin, blood and shade."""

_GREY, _MELANIN, _BLOOD, _SHADE = range(len(PIGMENTS))


class Share(NamedTuple):
    """A row of `Layers.fields`, the number of the pigment it is of, and how much a step is."""

    row: int
    pigment: int
    strength: float


@dataclass(frozen=True)
class Layers:
    """Fields on the n texels of a `SkinMap`.

    Attributes:
        fields: (L,n) int8, 32 is 1: noise of unit deviation, or masks in [0,1].
        numbers: names of the layers and the rows of `fields` that hold their variants.
        beards: (9,n) uint8 masks of the kinds of `skin_beards`, 255 is 1.
        hairs: (2,n) uint8 patterns of dots and of hairs, evenly spread over 0 to 255.
    """

    fields: Array
    numbers: dict[str, range]
    beards: Array
    hairs: Array

    def choose(self, rng: np.random.Generator, traits: Traits, light: float) -> list[Share]:
        """What a person has.

        Args:
            rng: source of chance.
            traits: age and sex.
            light: how much of the blood shows through the skin, 0 to 1.
        """
        old, aged = traits.old, max(traits.old - 0.35, 0.0)
        wanted = [
            ("grain", _GREY, rng.uniform(0.012, 0.03)),
            ("fine", _GREY, rng.uniform(0.012, 0.03) * (1 + 0.6 * old)),
            ("pores", _GREY, rng.uniform(0.03, 0.11)),
            ("melanin", _MELANIN, rng.uniform(0.008, 0.026) * (1 + old)),
            ("melanin wide", _MELANIN, rng.uniform(0.008, 0.03)),
            ("blood", _BLOOD, light * rng.uniform(0.01, 0.035)),
            ("red", _BLOOD, light * min(abs(rng.normal(0, 0.07)), 0.15)),
            ("under eyes", _SHADE, abs(rng.normal(0.03, 0.07)) * (1 + 0.8 * old)),
        ]
        if rng.random() < 0.16 * (1 - old):
            wanted.append(("freckles", _MELANIN, rng.uniform(0.1, 0.45)))
        if rng.random() < 0.25 + aged:
            wanted.append(("age spots", _MELANIN, rng.uniform(0.03, 0.1 + 0.2 * aged)))
        if rng.random() < 0.2 + 0.5 * aged:
            wanted.append(("veins", _BLOOD, light * rng.uniform(0.03, 0.13)))
        return [
            Share(one_row(rng, self.numbers[name]), pigment, strength / _UNIT)
            for name, pigment, strength in wanted
        ]


def paint_shine(head: Head, marks: Array) -> NDArray[np.float32]:
    """How much of the skin's gloss there is (V,): most on nose, forehead and chin."""
    p = head.mean
    oily = _near(p, marks[30], 16, (1, 0.8, 1)) + _near(p, np.array([0, 48, 15]), 24, (0.6, 1, 0.5))
    oily = np.clip(oily + 0.6 * _near(p, marks[8] + [0, 17, 5], 12, (1, 1, 1)), 0, 1)
    return np.where(head.masks.skin > 0.5, 0.75 + 0.5 * oily, 1.2).astype(np.float32)


def one_row(rng: np.random.Generator, rows: range) -> int:
    """One of the variants."""
    return rows[int(rng.integers(len(rows)))]


def paint_layers(skin: SkinMap, marks: Array) -> Layers:
    """All layers, always the same.

    Args:
        skin: the texels.
        marks: (68,3) landmarks `ibug68` of the mean head, mm.
    """
    p = skin.points
    drawn: dict[str, list[Array]] = {
        "grain": [value_noise(p, 1.0, 10 + k) for k in range(_VARIANTS)],
        "fine": [
            0.7 * value_noise(p, 2.2, 20 + k) + 0.7 * value_noise(p, 1.4, 25 + k)
            for k in range(_VARIANTS)
        ],
        "pores": [_pores(p, marks, 30 + k) for k in range(_VARIANTS)],
        "melanin": [
            0.8 * value_noise(p, 7, 40 + k) + 0.6 * value_noise(p, 4, 45 + k)
            for k in range(_VARIANTS)
        ],
        "melanin wide": [value_noise(p, 18, 50 + k) for k in range(_VARIANTS)],
        "blood": [
            0.8 * value_noise(p, 12, 60 + k) + 0.6 * value_noise(p, 5, 65 + k)
            for k in range(_VARIANTS)
        ],
        "red": [_red(p, marks, 70)],
        "under eyes": [_under_eyes(p, marks)],
        "freckles": [_freckles(p, marks, 80 + k) for k in range(_VARIANTS)],
        "age spots": [_age_spots(p, 90 + k) for k in range(_VARIANTS)],
        "veins": [_veins(p, marks, 100 + k) for k in range(_VARIANTS)],
    }
    numbers: dict[str, range] = {}
    fields: list[Array] = []
    for name, variants in drawn.items():
        numbers[name] = range(len(fields), len(fields) + len(variants))
        fields += [np.clip(np.round(v * _UNIT), -127, 127).astype(np.int8) for v in variants]
    beards = paint_beards(p, marks, skin.flat, skin.places(marks))
    hairs = [_hairs(p, (1, 1, 1), 120), _hairs(p, (0.9, 0.3, 0.6), 125)]
    return Layers(
        np.stack(fields), numbers, np.round(255 * beards).astype(np.uint8), np.stack(hairs)
    )


def _near(points: Array, centre: Array, radius: float, axes: tuple[float, float, float]) -> Array:
    """Gaussian (n,) about a place, narrower by the factors `axes`; the same on the other side."""
    x, y, z = points.T
    a, b, c = np.array(axes, np.float32) / np.float32(radius)
    far = (a * (np.abs(x) - abs(centre[0]))) ** 2 + (b * (y - centre[1])) ** 2
    return np.exp(-0.5 * (far + (c * (z - centre[2])) ** 2)).astype(np.float32)


def _pores(p: Array, marks: Array, seed: int) -> Array:
    """Small dark dots on nose, cheeks and forehead."""
    far, size = spots(p, 1.7, seed)
    zone = _near(p, marks[30], 22, (1, 1, 0.7)) + 0.8 * _near(
        p, np.array([32, -30, 15]), 20, (1, 1, 0.6)
    )
    zone = np.clip(zone + 0.4 * _near(p, np.array([0, 45, 20]), 30, (0.7, 1, 0.6)), 0, 1)
    return zone * np.clip(1.5 - far / (0.35 + 0.5 * size), 0, 1)


def _red(p: Array, marks: Array, seed: int) -> Array:
    """Blood in cheeks, nose and chin."""
    zone = 0.8 * _near(p, np.array([42, -33, 8]), 15, (1, 1, 0.6)) + _near(
        p, marks[30], 12, (1, 1, 1)
    )
    zone = zone + 0.4 * _near(p, marks[8] + [0, 17, 5], 12, (1, 1, 1))
    return zone * np.clip(1 + 0.35 * value_noise(p, 5, seed), 0, 2)


def _under_eyes(p: Array, marks: Array) -> Array:
    low = (marks[46] + marks[47]) / 2
    return _near(p, low + np.array([-4, -7, 0]), 8, (0.62, 1.35, 0.6)) + 0.5 * _near(
        p, marks[42] + [-2, -3, 0], 5, (1, 0.8, 0.6)
    )


def _freckles(p: Array, marks: Array, seed: int) -> Array:
    zone = _near(p, np.array([30, -25, 20]), 26, (0.75, 1.1, 0.5)) + _near(
        p, marks[29], 16, (1, 1, 0.6)
    )
    zone = np.clip(zone + 0.25 * _near(p, np.array([0, 45, 20]), 40, (0.8, 1, 0.5)), 0, 1)
    out = np.zeros(len(p), np.float32)
    for k, (spacing, size) in enumerate(((3.4, 1.2), (5.0, 1.6))):
        far, chance = spots(p, spacing, seed + 200 + k)
        radius = size * (0.45 + 0.55 * chance)
        out = np.maximum(out, sigmoid((radius - far) / 0.22) * (chance * 7 % 1 < zone * 0.9))
    return out * np.clip(1 + 0.3 * value_noise(p, 2, seed), 0.3, 1.5)


def _age_spots(p: Array, seed: int) -> Array:
    far, chance = spots(p, 14, seed)
    radius = (0.6 + 2.6 * chance) * (1 + 0.3 * value_noise(p, 3, seed))
    return sigmoid((radius - far) / 0.7) * (chance * 11 % 1 < 0.45) * (0.5 + 0.5 * (chance * 5 % 1))


def _veins(p: Array, marks: Array, seed: int) -> Array:
    """Fine red threads beside the nose and on the cheeks."""
    ridges = np.exp(-((value_noise(p, 5, seed) / 0.12) ** 2)) * (value_noise(p, 3, seed + 7) > -0.2)
    zone = _near(p, marks[35] + [4, 4, 0], 9, (1, 1, 0.7)) + 0.8 * _near(
        p, np.array([38, -30, 12]), 13, (1, 1, 0.6)
    )
    return ridges.astype(np.float32) * np.clip(zone, 0, 1)


def _hairs(p: Array, drawn: tuple[float, float, float], seed: int) -> NDArray[np.uint8]:
    """A pattern that is drawn out along some axes, evenly spread over 0 to 255."""
    longer = p * np.array(drawn, np.float32)
    field = 0.7 * value_noise(longer, 0.9, seed) + value_noise(longer, 0.6, seed + 1)
    field += 0.3 * value_noise(p, 7, seed + 2)
    ranks = np.empty(len(p), np.int64)
    ranks[np.argsort(field)] = np.arange(len(p))
    return (ranks * 255 // max(len(p) - 1, 1)).astype(np.uint8)
