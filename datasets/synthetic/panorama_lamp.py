"""The brightest lamp of a panorama, taken out of it: what casts the shadow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_HOT_SHARE, _HOT_TIMES = 0.985, 4.0
"""A lamp is brighter than this share of all directions, and than this many times the mean."""

_TRUSTED = 4.0
"""Colours up to this many times the limit are as a camera saw them."""

_CONE = np.cos(np.deg2rad(25))


def directions(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit directions (h,w,3) of a panorama's pixels and the solid angle (h,1) of each."""
    polar = (np.arange(height)[:, None] + 0.5) / height * np.pi
    turn = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    ways = np.stack(
        [np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, -np.sin(polar) * np.cos(turn)], -1
    )
    borders = np.cos(np.arange(height + 1) / height * np.pi)
    return ways, (borders[:-1] - borders[1:])[:, None] * (2 * np.pi / width)


def take_out_lamp(picture: Array) -> tuple[Array, Array, NDArray[np.float32]]:
    """The lamp's direction (3,) and light (3,) and the panorama (h,w,3) without it.

    The lamp is what is brighter than its surroundings within 25 degrees of the place where most of
    such light comes from: the sun, a window, a lamp. Its light is what it gives a white surface
    that faces it; 0, from above, where nothing stands out.
    """
    ways, solid = directions(*picture.shape[:2])
    level = picture.mean(2, dtype=np.float64)
    limit = max(float(np.quantile(level, _HOT_SHARE)), _HOT_TIMES * float((level * solid).sum())
                / (4 * np.pi))  # fmt: skip
    hot = level > limit
    if not hot.any():
        return np.array([0.0, 1, 0]), np.zeros(3), picture
    power, way = ((level - limit) * solid)[hot], ways[hot]
    middle = _middle(way, power)
    taken = hot.copy()
    taken[hot] = way @ middle > _CONE
    share = np.where(taken, 1 - limit / np.maximum(level, limit), 0)
    power = float((level * share * solid).sum()) / np.pi
    tint = _tint(picture[taken], level[taken] / limit, (share * solid)[taken])
    return middle, power * tint, (picture * (1 - share[..., None])).astype(np.float32)


def _tint(light: Array, times: Array, weight: Array) -> NDArray[np.float64]:
    """The colour (3,), with the mean 1, of the light (n,3) of a lamp.

    Its brightest part counts less: there compressed files have colours that never were.
    """
    trusted = weight / np.maximum(times, _TRUSTED) ** 2
    colour = np.maximum(trusted @ light.astype(np.float64), 0)
    return colour / colour.mean()


def _middle(way: Array, power: Array) -> NDArray[np.float64]:
    """The middle (3,) of the cone that gets most of the power (n,) from the directions (n,3)."""
    some = np.argsort(power)[-300:]
    middle = way[some[np.argmax((way[some] @ way.T > _CONE) @ power)]]
    for _ in range(3):
        near = (way @ middle > _CONE) * power
        middle = near @ way
        middle = middle / np.linalg.norm(middle)
    return middle
