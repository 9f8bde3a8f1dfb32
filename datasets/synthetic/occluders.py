"""Things in front of a face: hands, sticks, cloth, strands of hair, anything at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import filters, shapes
from .background import draw_background
from .chance import one_of
from .filters import Image


def draw_occluder(
    rng: np.random.Generator, marks: NDArray, skin: NDArray, *, hair: NDArray, size: int
) -> tuple[Image, Image]:
    """The picture (size,size,3) of an occluder and its mask (size,size).

    Args:
        rng: source of chance.
        marks: (68,3) landmarks in pixels, which it likes to be near.
        skin: (3,) and hair: (3,) sRGB-coded colours in this light.
        size: side of the image, pixels.
    """
    mask = np.zeros((size, size), np.float32)
    scale = float(np.ptp(marks[:, :2], axis=0).max())
    kind = rng.random()
    if kind < 0.35:
        shade = _hand(rng, mask, _place(rng, marks, size, 0.15 * scale), scale)
        texture = np.clip(skin * rng.uniform(0.75, 1.15), 0, 1) * (1 - 0.45 * shade[..., None])
    elif kind < 0.5:
        _strands(rng, mask, marks, scale)
        texture = np.broadcast_to(hair, (size, size, 3)) * np.exp(
            0.3 * filters.smooth_noise(rng, size, 30)
        )
    else:
        _thing(rng, mask, marks, size, scale)
        texture = _texture(rng, size)
    if rng.random() < 0.5:
        mask = filters.blur(mask[..., None], rng.uniform(0.4, 1.6))[..., 0]
    return np.asarray(texture, np.float32), mask


def _place(rng: np.random.Generator, marks: NDArray, size: int, spread: float) -> NDArray:
    if rng.random() < 0.5:
        return rng.uniform(-0.1, 1.1, 2) * size
    return marks[rng.integers(68), :2] + rng.normal(0, spread, 2)


def _hand(rng: np.random.Generator, mask: Image, centre: NDArray, scale: float) -> Image:
    """Draw a palm with up to five fingers; returns the shading (H,W) between the fingers."""
    shade = np.zeros_like(mask)
    angle, unit = rng.uniform(0, 2 * np.pi), scale * rng.uniform(0.3, 0.5)
    palm = np.array([np.cos(angle), np.sin(angle)])
    side = np.array([-palm[1], palm[0]])
    shapes.ellipse(mask, centre, (0.62 * unit, 0.5 * unit), angle)
    shapes.capsule(mask, centre, centre - palm * unit * 3, (0.4 * unit, 0.42 * unit))
    spread, curl = rng.uniform(0.02, 0.3), rng.uniform(0.3, 1)
    for k in range(int(rng.integers(1, 5))):
        offset = (k - 1.5) * 0.27 * unit
        way = palm + side * (k - 1.5) * spread
        root = centre + side * offset + palm * 0.4 * unit
        tip = root + way * unit * curl * rng.uniform(0.75, 1.05)
        finger = np.zeros_like(mask)
        shapes.capsule(finger, root, tip, (0.14 * unit, 0.11 * unit))
        inner = np.zeros_like(mask)
        shapes.capsule(inner, root, tip, (0.08 * unit, 0.06 * unit))
        np.maximum(shade * (1 - finger), finger * (1 - inner), out=shade)
        np.maximum(mask, finger, out=mask)
    light = filters.smooth_noise(rng, len(mask), 4)[..., 0]
    return np.clip(0.6 * filters.blur(shade[..., None], 0.7)[..., 0] + 0.2 * light, -0.4, 1)


def _strands(rng: np.random.Generator, mask: Image, marks: NDArray, scale: float) -> None:
    """Locks of hair that fall across the forehead or a cheek."""
    top = marks[19:25, :2].mean(0) + (marks[19:25, :2].mean(0) - marks[8, :2]) * 0.45
    start = top + rng.normal(0, 0.2 * scale, 2)
    end = marks[one_of(rng, (2, 5, 8, 11, 14, 36, 45)), :2] + rng.normal(0, 0.15 * scale, 2)
    bend = rng.normal(0, 0.2 * scale, 2)
    for _ in range(int(rng.integers(2, 14))):
        a = start + rng.normal(0, 0.06 * scale, 2)
        b = end + rng.normal(0, 0.08 * scale, 2)
        middle = (a + b) / 2 + bend + rng.normal(0, 0.02 * scale, 2)
        wide = scale * rng.uniform(0.002, 0.012)
        shapes.capsule(mask, a, middle, (wide, wide))
        shapes.capsule(mask, middle, b, (wide, wide * 0.4))


def _thing(rng: np.random.Generator, mask: Image, marks: NDArray, size: int, scale: float) -> None:
    for _ in range(int(rng.integers(1, 3))):
        centre, kind = _place(rng, marks, size, 0.1 * scale), rng.random()
        if kind < 0.35:
            radii = rng.uniform(0.04, 0.3) * scale, rng.uniform(0.04, 0.24) * scale
            shapes.ellipse(mask, centre, radii, rng.uniform(0, np.pi))
        elif kind < 0.7:
            corners = rng.uniform(-0.32, 0.32, (int(rng.integers(3, 7)), 2)) * scale
            shapes.polygon(mask, centre + corners)
        else:
            wide = rng.uniform(0.01, 0.09) * scale
            end = centre + rng.normal(0, 0.8 * scale, 2)
            shapes.capsule(mask, centre, end, (wide, wide * rng.uniform(0.5, 1.5)))


def _texture(rng: np.random.Generator, size: int) -> Image:
    if rng.random() < 0.5:
        return draw_background(rng, size)
    flat = rng.uniform(0, 1, 3) * rng.uniform(0.1, 1)
    return (flat * (1 + 0.15 * filters.smooth_noise(rng, size, 6))).astype(np.float32)
