"""The superellipse that a texture chart fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hm08 import Array

_SAMPLES = 20_000


@dataclass(frozen=True)
class Outline:
    """|x / width|^p + |y|^p = 1 with p = roundness: 2 is an ellipse, more is squarer."""

    width: float
    roundness: float

    def towards(self, turn: Array) -> Array:
        """Its points (N,2) in the directions `turn` (N,), radians from the x axis."""
        ray = np.stack([np.cos(turn), np.sin(turn)], 1)
        return ray / self._size(ray)[:, None]

    def along(self, share: Array) -> Array:
        """Its points (N,2) at shares (N,) of its length, counter-clockwise from the bottom."""
        turn = np.linspace(-np.pi / 2, 1.5 * np.pi, _SAMPLES + 1)
        steps = np.linalg.norm(np.diff(self.towards(turn), axis=0), axis=1)
        length = np.concatenate([[0.0], np.cumsum(steps)])
        return self.towards(np.interp(np.mod(share, 1) * length[-1], length, turn))

    def length(self) -> float:
        """Of the whole curve."""
        curve = self._closed()
        return float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum())

    def area(self) -> float:
        """What it encloses."""
        x, y = self._closed().T
        return float((x[:-1] * y[1:] - y[:-1] * x[1:]).sum() / 2)

    def offset(self, place: Array) -> tuple[Array, Array]:
        """How far points (N,2) lie outside, to first order (N,), and its normals there (N,2)."""
        size = self._size(place)[:, None]
        slope = (np.abs(place / [self.width, 1.0]) / size) ** (self.roundness - 1)
        slope *= np.sign(place) / [self.width, 1.0]
        steep = np.linalg.norm(slope, axis=1)
        return (size[:, 0] - 1) / steep, slope / steep[:, None]

    def _size(self, place: Array) -> Array:
        scaled = np.abs(place / [self.width, 1.0])
        return (scaled**self.roundness).sum(1) ** (1 / self.roundness)

    def _closed(self) -> Array:
        return self.towards(np.linspace(0, 2 * np.pi, _SAMPLES + 1))
