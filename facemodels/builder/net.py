"""Triangles that a texture chart lays out, each with the shape that is wanted of it.

A chart fills a superellipse, its outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .hm08 import Array, Index

_SAMPLES = 20_000

_THINNEST = 0.15  # width over length: thinner triangles of a surface count as wider ones
_DIAGONALS = ((0, 1, 2), (0, 2, 3), (1, 2, 3), (1, 3, 0))


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


_OPENING = Outline(5.0, 2.0)  # the wanted shape of the eyes' and the mouth's openings


@dataclass(frozen=True)
class Net:
    """T triangles: corners (T,3), their wanted sides 0-1 and 0-2 as rows (T,2,2), weight (T,)."""

    corners: Index
    sides: Array
    weight: Array

    def slopes(self) -> Array:
        """(T,3,2): a chart's derivative by the wanted plane is its corners' places^T slopes."""
        inverse = np.linalg.inv(self.sides).transpose(0, 2, 1)
        return np.concatenate([-inverse.sum(1, keepdims=True), inverse], 1)

    def only(self, mask: NDArray[np.bool_]) -> Net:
        """Its triangles in `mask` (T,)."""
        return Net(self.corners[mask], self.sides[mask], self.weight[mask])

    def resized(self, area: float) -> Net:
        """The same shapes, so large that the sum of the weights, their areas, becomes `area`."""
        share = self.weight / self.weight.sum()
        return replace(self, sides=self.sides * np.sqrt(area / self.weight.sum()), weight=share)


def join(nets: Sequence[Net]) -> Net:
    """All triangles of nets on the same vertices."""
    fields = ("corners", "sides", "weight")
    return Net(*(np.concatenate([getattr(net, name) for net in nets]) for name in fields))


def surface_net(points: Array, quads: Index, importance: Array) -> Net:
    """The surface `points` (V,3), `quads` (F,4) in the plane, enlarged by `importance` (V,).

    Each quad by the triangles of both its diagonals; their weights are half their areas.
    """
    corners = np.concatenate([quads[:, k] for k in _DIAGONALS])
    u, s, v = np.linalg.svd(_flattened(points[corners]))
    s = np.maximum(s, _THINNEST * s[:, :1]) * importance[corners].mean(1)[:, None]
    return Net(corners, np.einsum("tik,tk,tkj->tij", u, s, v), s.prod(1) / 2 / 2)


def hole_net(points: Array, hole: Index, middle: int, importance: Array) -> Net:
    """A fan that fills a hole's rim (N,), clockwise, round the new vertex `middle`."""
    after = np.roll(hole, -1)
    step = np.linalg.norm(points[hole] - points[after], axis=1)
    step *= (importance[hole] + importance[after]) / 2
    spread = points[hole] - points[hole].mean(0)
    corner = int((spread @ np.linalg.svd(spread, full_matrices=False)[2][0]).argmax())
    share = (np.cumsum(step) - step) / step.sum()
    flat = _OPENING.along(0.25 - (share - share[corner]))
    flat *= step.sum() / _OPENING.length()
    sides = np.stack([flat - np.roll(flat, -1, 0), -np.roll(flat, -1, 0)], 1)
    corners = np.stack([after, hole, np.full(len(hole), middle)], 1)
    return Net(corners, sides, np.linalg.det(sides) / 2)


def frame_net(place: Array, rim: Index, frame: Index, weight: float) -> Net:
    """A ring of triangles between a rim (N,), counter-clockwise, and a frame (N,), as placed."""
    rim_after, after = np.roll(rim, -1), np.roll(frame, -1)
    corners = np.concatenate(
        [np.stack([rim, frame, after], 1), np.stack([rim, after, rim_after], 1)]
    )
    sides = place[corners[:, 1:]] - place[corners[:, :1]]
    size = np.linalg.det(sides)
    return Net(corners, sides, weight * size / size.sum())


def _flattened(corner: Array) -> Array:
    """Two sides (T,2,2) as rows of triangles (T,3,3) laid into the plane."""
    a, b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    long = np.maximum(np.linalg.norm(a, axis=1), 1e-6)
    across = np.maximum(np.linalg.norm(np.cross(a, b), axis=1) / long, 1e-9)
    return np.stack([long, 0 * long, (a * b).sum(1) / long, across], 1).reshape(-1, 2, 2)
