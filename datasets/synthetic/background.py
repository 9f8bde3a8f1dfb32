"""What stands behind a face: painted rooms, leaves, lights, noise, or the user's photographs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from . import filters, shapes
from .chance import one_of, pick, running_shares
from .filters import Image

_SCALES = (2, 4, 8, 16, 40)
_SHARES = running_shares((0.25, 0.27, 0.07, 0.16, 0.11, 0.06, 0.08))


@kernel
def add_noise(picture: NDArray, noise: NDArray, height: float, saturation: float) -> None:
    """Add noise (H,W,3) of a height to a picture, its colours times a saturation, in place."""
    for i in range(len(picture)):
        for j in range(picture.shape[1]):
            grey = (noise[i, j, 0] + noise[i, j, 1] + noise[i, j, 2]) / np.float32(3)
            for k in range(3):
                picture[i, j, k] += height * (grey + saturation * (noise[i, j, k] - grey))


@kernel
def paint_leaves(
    ellipses: NDArray, colours: NDArray, slopes: NDArray, stripes: NDArray, out: NDArray
) -> None:
    """Ellipses (n: x, y, 1/rx, 1/ry, cos, sin; 1/ry < 0 for boxes) over each other, in place.

    The last lies on top, so it is painted first and what is painted stays.
    """
    size = out.shape[0]
    painted = np.zeros((size, size), np.bool_)
    for n in range(len(ellipses) - 1, -1, -1):
        cx, cy, wx, wy, c, s = ellipses[n]
        box, wy = wy < 0, abs(wy)
        if box:
            wide, tall = abs(c) / wx + abs(s) / wy, abs(s) / wx + abs(c) / wy
        else:
            wide, tall = math.hypot(c / wx, s / wy), math.hypot(s / wx, c / wy)
        for i in range(max(int(cy - tall - 0.5), 0), min(int(cy + tall) + 1, size)):
            for j in range(max(int(cx - wide - 0.5), 0), min(int(cx + wide) + 1, size)):
                if painted[i, j]:
                    continue
                x, y = j + 0.5 - cx, i + 0.5 - cy
                u, v = (c * x + s * y) * wx, (c * y - s * x) * wy
                if (max(abs(u), abs(v)) if box else u * u + v * v) < 1:
                    painted[i, j] = True
                    light = 1 + slopes[n, 0] * u + slopes[n, 1] * v
                    if stripes[n, 0] > 0:
                        light += stripes[n, 0] * math.sin(stripes[n, 1] * v + 3 * u)
                    for k in range(3):
                        out[i, j, k] = colours[n, k] * light


def draw_background(
    rng: np.random.Generator, size: int, photographs: Sequence[NDArray[np.uint8]] = ()
) -> Image:
    """A picture (size,size,3) in [0,1]."""
    if photographs and rng.random() < 0.6:
        picture = _photograph(rng, size, photographs)
    else:
        kinds = (_studio, _clutter, _clouds, _room, _leaves, _lamps, _shapes)
        picture = kinds[pick(rng, _SHARES)](rng, size)
        if rng.random() < 0.55:
            picture = filters.blur(picture, rng.uniform(0.6, 5))
    coded = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.5, 1.6))
    dim = rng.uniform(0.4, 1) if rng.random() < 0.5 else 1.0
    return (coded * np.float32(dim)).astype(np.float32)


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """A colour as photographs have them: mostly dull."""
    grey = rng.uniform(0, 1)
    return np.clip(grey + rng.normal(0, 1, 3) * one_of(rng, (0.02, 0.08, 0.25)), 0, 1).astype(
        np.float32
    )


def _two_ways(rng: np.random.Generator, size: int) -> Image:
    """A ramp (size,size,1) in [0,1] across the picture, at any angle."""
    place = np.arange(size, dtype=np.float32) / np.float32(size) - np.float32(0.5)
    angle = rng.uniform(0, 2 * np.pi)
    across, down = np.float32(np.cos(angle)) * place, np.float32(np.sin(angle)) * place
    ramp = across[None] + (down[:, None] + np.float32(0.5))
    return np.minimum(np.maximum(ramp, 0, out=ramp), 1, out=ramp)[..., None]


def _studio(rng: np.random.Generator, size: int) -> Image:
    """One colour, a soft gradient, or a lit wall; black and white are common."""
    first = np.full(3, one_of(rng, (0.0, 0.03, 1.0, 1.0))) if rng.random() < 0.4 else _colour(rng)
    if rng.random() < 0.35:
        return np.broadcast_to(first.astype(np.float32), (size, size, 3)).copy()
    second = _colour(rng) if rng.random() < 0.5 else first * rng.uniform(0.3, 1.3)
    if rng.random() < 0.5:
        ramp = _two_ways(rng, size)
    else:
        place = np.arange(size, dtype=np.float32) / np.float32(size)
        cx, cy = rng.uniform(0, 1, 2)
        narrow = rng.uniform(0.05, 0.6)
        across, down = (np.exp(-((place - c) ** 2) / narrow) for c in (cx, cy))
        ramp = (down[:, None] * across[None]).astype(np.float32)[..., None]
    change = (second - first).astype(np.float32)
    noise = np.float32(0.02) * filters.smooth_noise(rng, size, 12)
    return first.astype(np.float32) + ramp * change + noise


def _clouds(rng: np.random.Generator, size: int) -> Image:
    """Noise of several scales, more or less coloured."""
    picture = np.full((size, size, 3), rng.uniform(0, 1), np.float32)
    saturation = np.float32(rng.uniform(0, 1) ** 3)
    for cells in _SCALES:
        if rng.random() < 0.6:
            noise = filters.smooth_noise(rng, size, cells, 3)
            height = rng.uniform(0.05, 0.3) * (1 if cells < 10 else 0.5)
            add_noise(picture, noise, np.float32(height), saturation)
    return picture


def _room(rng: np.random.Generator, size: int) -> Image:
    """Walls, doors, shelves: upright and level boxes with shading and texture."""
    picture = _colour(rng) * (0.6 + 0.5 * _two_ways(rng, size))
    picture = np.broadcast_to(picture, (size, size, 3)).astype(np.float32).copy()
    if rng.random() < 0.3:
        _bricks(rng, picture)
    for _ in range(rng.integers(2, 14)):
        x, y = rng.integers(-size // 4, size, 2)
        wide, tall = (rng.uniform(0.02, 0.6, 2) * size).astype(int)
        box = picture[max(y, 0) : max(y + tall, 0), max(x, 0) : max(x + wide, 0)]
        if box.size:
            box[:] = _colour(rng) + 0.05 * rng.standard_normal(3)
            if rng.random() < 0.4:  # rows of books, blinds, planks
                bars = 1 + 0.4 * rng.standard_normal((1, box.shape[1], 1))
                box *= bars if rng.random() < 0.6 else bars.mean()
    angle = rng.normal(0, 0.12)
    return _turned(rng, picture, angle)


def _bricks(rng: np.random.Generator, picture: Image) -> None:
    """Darken the joints of a wall and vary its stones, in place."""
    size = len(picture)
    rows, columns = int(rng.integers(5, 16)), int(rng.integers(3, 9))
    y, x = np.mgrid[:size, :size] / size
    row = np.floor(y * rows).astype(int)
    place = x * columns + 0.5 * (row % 2)
    stone = rng.uniform(0.6, 1.3, (rows + 1, columns + 2))[row, np.floor(place).astype(int)]
    joint = ((y * rows) % 1 < 0.12) | (place % 1 < 0.06)
    picture *= np.where(joint, rng.uniform(0.5, 1.5), stone)[..., None].astype(np.float32)


def _turned(rng: np.random.Generator, picture: Image, angle: float) -> Image:
    size = len(picture)
    scale = rng.uniform(0.5, 1)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    middle = size / 2
    matrix = np.array([[c, -s, middle - (c - s) * middle], [s, c, middle - (s + c) * middle]])
    return filters.warp(picture, matrix, size)


def _leaves(rng: np.random.Generator, size: int) -> Image:
    """Foliage or grass: hard-edged noise in greens and browns with gaps of light."""
    fine = filters.smooth_noise(rng, size, int(rng.integers(14, 48)))
    wide = filters.smooth_noise(rng, size, int(rng.integers(3, 9)))
    level = np.tanh(rng.uniform(0.6, 2) * (fine + 0.6 * wide)) * 0.5 + 0.5
    hue = np.array([rng.uniform(0.2, 0.6), rng.uniform(0.35, 0.65), rng.uniform(0.05, 0.3)])
    dark = hue * rng.uniform(0.05, 0.4)
    picture = dark + level * (hue * rng.uniform(0.7, 1.4) - dark)
    if rng.random() < 0.5:  # sky between the leaves
        sky = np.clip((wide + 0.5 * fine - rng.uniform(0.6, 1.6)) * 3, 0, 1)
        picture = picture + sky * (_colour(rng) * 0.3 + 0.7 - picture)
    if rng.random() < 0.3:  # a horizon
        above = np.arange(size)[:, None, None] < rng.uniform(0.2, 0.8) * size
        picture = np.where(above, np.array([0.6, 0.75, 0.95]) * rng.uniform(0.7, 1.1), picture)
    return filters.blur(picture.astype(np.float32), rng.uniform(0.4, 1))


def _clutter(rng: np.random.Generator, size: int) -> Image:
    """Things that hide each other, many small and few large, as in any photograph.

    The dead leaves model (Lee, Mumford and Huang 2001, "Occlusion models for natural images"):
    radii with a density of r^-3, here shaded, some striped, in a few kinds of colour.
    """
    count = int(rng.integers(30, 160))
    low, high = rng.uniform(0.015, 0.05) * size, rng.uniform(0.2, 0.6) * size
    share = rng.uniform(0, 1, count)
    radius = (low**-2 + share * (high**-2 - low**-2)) ** -0.5
    radius[: count // 8] = rng.uniform(0.1, 0.6, count // 8) * size
    angle = rng.uniform(0, np.pi) + rng.normal(0, one_of(rng, (0.1, 2)), count)
    stretch = np.exp(rng.normal(0, 0.6, count))
    boxes = np.where(rng.random(count) < rng.uniform(0, 1), -1, 1)
    ellipses = np.stack([*rng.uniform(0, size, (2, count)), stretch / radius,
                         boxes / (stretch * radius), np.cos(angle), np.sin(angle)], 1)  # fmt: skip
    palette = np.stack([_colour(rng) for _ in range(rng.integers(2, 7))])
    shade = np.exp(rng.normal(0, 0.35, (count, 1)))
    colours = palette[rng.integers(len(palette), size=count)] * shade
    stripes = np.stack([rng.uniform(0, 0.5, count) * (rng.random(count) < 0.35),
                        rng.uniform(3, 30, count)], 1)  # fmt: skip
    picture = np.broadcast_to(_colour(rng), (size, size, 3)).astype(np.float32).copy()
    paint_leaves(ellipses, colours, rng.normal(0, 0.25, (count, 2)), stripes, picture)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32)
    picture *= 1 + np.float32(rng.uniform(0, 0.12)) * grain
    return filters.blur(picture, rng.uniform(0.4, 0.8))


def _lamps(rng: np.random.Generator, size: int) -> Image:
    """A dark place with lights out of focus."""
    picture = np.broadcast_to(_colour(rng) * rng.uniform(0.05, 0.4), (size, size, 3))
    picture = (picture + 0.03 * filters.smooth_noise(rng, size, 5, 3)).astype(np.float32)
    count = int(rng.integers(4, 26))
    weight = 1 / (rng.uniform(0.01, 0.08, count) * size)
    ones, none = np.ones(count), np.zeros((count, 2))
    discs = np.stack([*rng.uniform(0, size, (2, count)), weight, weight, ones, 0 * ones], 1)
    colours = np.stack([rng.uniform(0.1, 1) * (0.5 + 0.5 * _colour(rng)) for _ in range(count)])
    paint_leaves(discs, colours.astype(float), none, none, picture)
    return picture


def _shapes(rng: np.random.Generator, size: int) -> Image:
    """Polygons of any colour over clouds."""
    picture = _clouds(rng, size)
    for _ in range(rng.integers(1, 7)):
        mask = np.zeros((size, size), np.float32)
        shapes.polygon(mask, rng.uniform(-0.2, 1.2, (rng.integers(3, 7), 2)) * size)
        shapes.paint(picture, mask, _colour(rng))
    return picture


def _photograph(
    rng: np.random.Generator, size: int, photographs: Sequence[NDArray[np.uint8]]
) -> Image:
    """A part of one of the user's photographs, mirrored, tinted, out of focus."""
    photograph = photographs[int(rng.integers(len(photographs)))]
    height, width = photograph.shape[:2]
    side = int(rng.uniform(min(40, height, width), min(height, width)))
    y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
    part = photograph[y : y + side, x : x + side].astype(np.float32) / np.float32(255)
    picture = filters.resize(part, size, size, "area" if side > size else "linear")
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    if rng.random() < 0.3:
        picture = picture[..., rng.permutation(3)]
    return filters.blur(picture, rng.uniform(0.5, 5)) if rng.random() < 0.5 else picture
