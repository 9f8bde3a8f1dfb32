"""A piece of surface made by rule: quads with texture charts, and its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .hm08 import Array, Index


@dataclass(frozen=True)
class Piece:
    """A surface of V vertices and F quads with its texture charts.

    points (V,3) mm; quads (F,4), counter-clockwise seen from outside; uv (T,2) in 0..1 of the
    chart that each quad belongs to, counter-clockwise too; uv_quads (F,4); chart (F,) its number.
    """

    points: Array
    quads: Index
    uv: Array
    uv_quads: Index
    chart: Index

    def reflected(self) -> Piece:
        """The mirror image in the plane x = 0, its charts mirrored likewise."""
        turned = self.quads[:, ::-1], self.uv_quads[:, ::-1]
        flipped = self.uv * [-1, 1] + [1, 0]
        return Piece(self.points * [-1, 1, 1], turned[0], flipped, turned[1], self.chart)


def join(pieces: Sequence[Piece]) -> Piece:
    """All pieces in one, vertices in order; chart numbers stay."""
    starts = np.cumsum([0] + [len(p.points) for p in pieces])
    uv_starts = np.cumsum([0] + [len(p.uv) for p in pieces])
    return Piece(
        np.concatenate([p.points for p in pieces]),
        np.concatenate([p.quads + s for p, s in zip(pieces, starts, strict=False)]),
        np.concatenate([p.uv for p in pieces]),
        np.concatenate([p.uv_quads + s for p, s in zip(pieces, uv_starts, strict=False)]),
        np.concatenate([p.chart for p in pieces]),
    )


def grid_quads(table: Index) -> Index:
    """Quads (F,4) of a table (M,N) of vertices, counter-clockwise where rows go along the first
    axis of a right-handed pair and columns along the second."""
    corners = table[:-1, :-1], table[1:, :-1], table[1:, 1:], table[:-1, 1:]
    return np.stack(corners, -1).reshape(-1, 4)


def round_square(square: Array, roundness: Array | float) -> Array:
    """Press the square -1..1 (N,2) into a disc (roundness 1), less so for less roundness."""
    u, v = square[..., 0], square[..., 1]
    return np.stack(
        [u * np.sqrt(1 - roundness * v * v / 2), v * np.sqrt(1 - roundness * u * u / 2)], -1
    )


def smooth_step(x: Array) -> Array:
    """0 below 0, 1 above 1, and a smooth rise between."""
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)
