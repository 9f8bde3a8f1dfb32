"""A picture of frizzy hair, drawn by rule, for hair made of many small cards without a picture."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Array = NDArray[Any]

SIDE = 512
_FINER = 2
_CARD, _MANY = 4, 20  # faces of a piece that is a card, at most; cards of frizzy hair, at least
_SAME_LIGHT = 3  # steps of a curl
_DENSE, _LOOSE = 6000, 420
"""Curls in the upper half of the picture, on the skull, and in the lower, on cards."""

_EDGE = 0.02
_DENSE_V, _HAIRLINE_V = (0.52, 0.87), (0.905, 0.99)
"""Parts of the upper half: the inside, and a strip that thins out downwards for the hairline."""

_ROUND = 6.0  # repeats of the strip round the head
_HAIRLINE = 0.5  # of strand coordinates, 12 mm: as high as the strip


def find_cards(faces: Array, count: int) -> Array:
    """Which faces (f,) bool are of pieces of a few faces, of `count` vertices in all.

    None where these are few, or most pieces are larger.
    """
    ends = (faces.ravel(), np.roll(faces, 1, 1).ravel())
    graph = sparse.coo_matrix((np.ones(faces.size), ends), shape=(count, count))
    piece = connected_components(graph, directed=False)[1][faces[:, 0]]
    _, place, sizes = np.unique(piece, return_inverse=True, return_counts=True)
    small = sizes <= _CARD
    frizzy = small.sum() >= _MANY and small.mean() > 0.5
    return (small & frizzy)[place]


def frizzy_uv(uv: Array, cards: Array, strands: Array) -> NDArray[np.float32]:
    """Coordinates (f,3,2) in `frizz`: cards in its lower half, all else in its upper half.

    Args:
        uv: (f,3,2) of its maker's own picture.
        cards: (f,) bool.
        strands: (f,3,2) strand coordinates, which tell where hair ends.
    """
    out = uv.astype(np.float64)
    for part, (low, high) in ((cards, (_EDGE, 0.5 - _EDGE)), (~cards, _DENSE_V)):
        if part.any():
            start, size = uv[part].min((0, 1)), np.maximum(np.ptp(uv[part], (0, 1)), 1e-6)
            out[part] = (uv[part] - start) / size
            out[part, :, 1] = low + (high - low) * out[part, :, 1]
    ends = ~cards & (strands[..., 1].min(1) <= 0)
    low, high = _HAIRLINE_V
    height = np.minimum(strands[ends, :, 1] / _HAIRLINE, 1)
    out[ends] = np.stack([strands[ends, :, 0] * _ROUND, low + (high - low) * height], -1)
    return out.astype(np.float32)


@cache
def frizz() -> NDArray[np.uint8]:
    """The picture (512,512,4).

    From below: a tuft that thins out all round, curls without gaps, a strip that thins out
    downwards.
    """
    rng = np.random.default_rng(7)
    large = SIDE * _FINER
    strip = int((1 - _HAIRLINE_V[0]) * large)
    colour = Image.new("L", (large, large), 70)
    alpha = Image.new("L", (large, large), 0)
    alpha.paste(255, (0, strip, large, large // 2))
    alpha.paste(255, (0, 0, large, strip // 3))
    pens = ImageDraw.Draw(colour), ImageDraw.Draw(alpha)
    for _ in range(_DENSE):
        _curl(rng, pens, rng.uniform([0, strip], [large, large / 2 - 16]), 1.7 * _FINER)
    for pen in pens:
        pen.rectangle((0, strip // 3, large, strip + 4), fill=70 if pen is pens[0] else 0)
    for _ in range(_DENSE // 6):
        down = strip * (0.25 + 0.6 * rng.beta(1, 2.2))
        _curl(rng, pens, np.array([rng.uniform(0, large), down]), 2.5 * _FINER)
    pens[0].rectangle((0, large // 2, large, large), fill=95)
    for _ in range(_LOOSE):
        place = rng.normal([large / 2, 0.79 * large], [0.2 * large, 0.075 * large])
        if abs(place[0] / large - 0.5) < 0.44 and abs(place[1] / large - 0.75) < 0.19:
            _curl(rng, pens, place, 5.0 * _FINER)
    out = np.empty((SIDE, SIDE, 4), np.uint8)
    out[..., :3] = np.asarray(colour.resize((SIDE, SIDE), Image.Resampling.BOX))[..., None]
    out[..., 3] = np.asarray(alpha.resize((SIDE, SIDE), Image.Resampling.BOX))
    return out


def _curl(
    rng: np.random.Generator, pens: tuple[ImageDraw.ImageDraw, ...], place: Array, size: float
) -> None:
    """One coil from a place on, light where it faces the eye."""
    heading, turns = rng.uniform(0, 2 * np.pi), rng.uniform(1.2, 3)
    radius = size * np.exp(rng.normal(0, 0.3))
    angle = np.linspace(0, 2 * np.pi * turns, int(14 * turns))
    way = np.stack([radius * np.cos(angle) + 1.1 * radius * angle / 3, radius * np.sin(angle)], 1)
    cosine, sine = np.cos(heading), np.sin(heading)
    points = place + way @ np.array([[cosine, sine], [-sine, cosine]])
    light = rng.uniform(0.55, 1) * (150 + 80 * np.sin(angle + rng.uniform(0, 6)))
    pens[1].line(points.ravel().tolist(), fill=255, width=_FINER)
    for k in range(0, len(points) - 1, _SAME_LIGHT):
        fill = int(np.clip(light[k], 20, 255))
        pens[0].line(points[k : k + _SAME_LIGHT + 1].ravel().tolist(), fill=fill, width=_FINER)
