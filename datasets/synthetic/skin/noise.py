"""Random fields through space: the same skin on both sides of any seam of an atlas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import inline, kernel

Array = NDArray[Any]


@inline
def _hash(x: int, y: int, z: int, seed: int) -> np.uint32:
    """A number that looks random for each cell of a lattice and each seed."""
    h = np.uint32(x) * np.uint32(0x8DA6B343) ^ np.uint32(y) * np.uint32(0xD8163841)
    h = np.uint32(
        h ^ np.uint32(z) * np.uint32(0xCB1AB31F) ^ np.uint32(seed) * np.uint32(0x9E3779B9)
    )
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D))
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(h ^ (h >> np.uint32(16)))


@inline
def _unit(h: np.uint32) -> np.float32:
    """A hash as a number in [0,1)."""
    return np.float32(h >> np.uint32(8)) * np.float32(1 / 16777216)


@kernel
def _value_noise(points: Array, scale: float, seed: int, out: Array) -> None:
    """Smooth interpolation of a random number for each corner of a lattice; about -1.7 to 1.7."""
    for n in range(len(points)):
        x, y, z = points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        x, y, z = x - np.float32(i), y - np.float32(j), z - np.float32(k)
        x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
        total = np.float32(0)
        for corner in range(8):
            a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
            share = (x if a else 1 - x) * (y if b else 1 - y) * (z if c else 1 - z)
            total += share * _unit(_hash(i + a, j + b, k + c, seed))
        out[n] = (total - np.float32(0.5)) * np.float32(3.4)


@kernel
def _spots(points: Array, scale: float, seed: int, out: Array) -> None:
    """Distance to the nearest of the random points, one a cell, in cells; (n,) then its number."""
    for n in range(len(points)):
        x, y, z = points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        best, number = np.float32(9), np.uint32(0)
        for cell in range(27):
            a, b, c = i + cell % 3 - 1, j + (cell // 3) % 3 - 1, k + cell // 9 - 1
            h = _hash(a, b, c, seed)
            dx = np.float32(a) + np.float32(h & np.uint32(1023)) / 1024 - x
            dy = np.float32(b) + np.float32((h >> np.uint32(10)) & np.uint32(1023)) / 1024 - y
            dz = np.float32(c) + np.float32((h >> np.uint32(20)) & np.uint32(1023)) / 1024 - z
            far = dx * dx + dy * dy + dz * dz
            if far < best:
                best, number = far, h
        out[n, 0] = np.sqrt(best)
        out[n, 1] = _unit(
            _hash(int(number & np.uint32(0xFFFF)), int(number >> np.uint32(16)), 7, seed)
        )


def value_noise(points: Array, length: float, seed: int) -> NDArray[np.float32]:
    """A smooth random field (n,) of unit deviation that varies over `length` mm.

    Args:
        points: (n,3) float32, mm.
        length: mm between independent values.
        seed: number of the field.
    """
    out = np.empty(len(points), np.float32)
    turn = np.random.default_rng(seed).standard_normal((3, 3))
    turned = points @ np.linalg.qr(turn)[0].astype(np.float32)
    _value_noise(turned, np.float32(1 / length), seed, out)
    return (out - out.mean()) / max(float(out.std()), 1e-6)


def spots(points: Array, spacing: float, seed: int) -> tuple[Array, Array]:
    """Distances (n,) in mm to the nearest of scattered points, and a number in [0,1) of each.

    Args:
        points: (n,3) float32, mm.
        spacing: mm, side of the cells that hold a point each.
        seed: number of the scattering.
    """
    out = np.empty((len(points), 2), np.float32)
    _spots(points, np.float32(1 / spacing), seed, out)
    return out[:, 0] * np.float32(spacing), out[:, 1]
