"""Soft masks and painting through them: of few vertices (`Spot`), and of pictures' pixels.

Masks are float32 in [0,1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from .filters import Image

Array = NDArray[Any]

_LEAST = 0.004


@dataclass(frozen=True)
class Spot:
    """The vertices that a mask covers.

    Attributes:
        where: (n,) int64, ascending; weight: (n,) float32, 0 to 1.
    """

    where: Array
    weight: Array

    @classmethod
    def of(cls, mask: NDArray) -> Spot:
        """Of a mask (V,); what lies below a grey level is left out."""
        where = np.flatnonzero(mask > _LEAST)
        return cls(where, mask[where].astype(np.float32))

    def scaled(self, factor: float) -> Spot:
        """The same vertices, weights times `factor`."""
        return Spot(self.where, self.weight * np.float32(factor))


@kernel
def _blend(albedo: Array, where: Array, weight: Array, colour: Array) -> None:
    for n in range(len(where)):
        v, part = where[n], weight[n]
        for c in range(3):
            albedo[v, c] += part * (colour[c] - albedo[v, c])


@kernel
def _multiply(albedo: Array, where: Array, weight: Array, change: Array) -> None:
    for n in range(len(where)):
        v, part = where[n], weight[n]
        for c in range(3):
            albedo[v, c] *= np.float32(1) + part * change[c]


def blend(albedo: Array, spot: Spot, colour: NDArray) -> None:
    """Blend a colour (3,) into albedo (V,3) by the weights, in place."""
    _blend(albedo, spot.where, spot.weight, np.asarray(colour, np.float32))


def multiply(albedo: Array, spot: Spot, change: NDArray) -> None:
    """Multiply albedo (V,3) by 1 + weight * change (3,), in place."""
    _multiply(albedo, spot.where, spot.weight, np.asarray(change, np.float32))


def fade(values: Array, spot: Spot) -> None:
    """Multiply values (V,) by 1 - weight, in place."""
    values[spot.where] *= 1 - spot.weight


@kernel
def _polygon(points: NDArray, out: NDArray) -> None:
    """Raise out (H,W) to the share of 2 x 2 samples a pixel that lie inside."""
    count, width = points.shape[0], out.shape[1]
    crossings, row = np.empty(count, np.float64), np.empty(width, np.float32)
    for r in range(out.shape[0]):
        row[:] = 0
        for y in (r + 0.25, r + 0.75):
            crossed = 0
            for i in range(count):
                xi, yi, xj, yj = points[i, 0], points[i, 1], points[i - 1, 0], points[i - 1, 1]
                if (yi > y) != (yj > y):
                    crossings[crossed] = (xj - xi) * (y - yi) / (yj - yi) + xi
                    crossed += 1
            ends = np.sort(crossings[:crossed])
            for n in range(0, crossed - 1, 2):
                first = max(math.ceil(2 * ends[n] - 0.5), 0)
                last = min(math.ceil(2 * ends[n + 1] - 0.5), 2 * width)
                for c in range(first, last):
                    row[c // 2] += np.float32(0.25)
        for c in range(width):
            out[r, c] = max(out[r, c], row[c])


def polygon(mask: Image, points: NDArray) -> None:
    """Draw a filled polygon (N,2) of pixel positions into a mask (H,W) of [0,1], in place."""
    low = np.clip(np.floor(points.min(0)).astype(int), 0, [mask.shape[1], mask.shape[0]])
    high = np.clip(np.ceil(points.max(0)).astype(int), 0, [mask.shape[1], mask.shape[0]])
    part = mask[low[1] : high[1], low[0] : high[0]]
    _polygon(np.asarray(points - low, np.float64), part)


@kernel
def _capsule(
    ax: float, ay: float, bx: float, by: float, ra: float, rb: float, out: NDArray
) -> None:
    dx, dy = bx - ax, by - ay
    square = max(dx * dx + dy * dy, 1e-9)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            px, py = c + 0.5 - ax, r + 0.5 - ay
            t = min(max((px * dx + py * dy) / square, 0.0), 1.0)
            distance = math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2) - (ra + t * (rb - ra))
            out[r, c] = max(out[r, c], min(max(0.5 - distance, 0.0), 1.0))


def capsule(mask: Image, start: NDArray, end: NDArray, radii: tuple[float, float]) -> None:
    """Draw a thick line with round ends, and a radius at either, into a mask (H,W), in place."""
    ends, reach = np.stack([start, end]), max(radii) + 1
    limit = [mask.shape[1], mask.shape[0]]
    x0, y0 = np.clip(np.floor(ends.min(0) - reach), 0, limit).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(ends.max(0) + reach), 0, limit).astype(int).tolist()
    (ax, ay), (bx, by) = (ends - [x0, y0]).tolist()
    _capsule(ax, ay, bx, by, float(radii[0]), float(radii[1]), mask[y0:y1, x0:x1])


def ellipse(mask: Image, centre: NDArray, radii: tuple[float, float], angle: float) -> None:
    """Draw a filled ellipse into a mask (H,W), in place; angle in radians."""
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    c, s = math.cos(angle), math.sin(angle)
    polygon(mask, np.stack([c * x - s * y, s * x + c * y], 1) + centre)


@kernel
def _paint(image: NDArray, mask: NDArray, colour: NDArray) -> None:
    for r in range(mask.shape[0]):
        for c in range(mask.shape[1]):
            if mask[r, c] > 0:
                for k in range(3):
                    image[r, c, k] += mask[r, c] * (colour[k] - image[r, c, k])


def paint(image: Image, mask: Image, colour: NDArray) -> None:
    """Blend a colour (3,) into an image (H,W,3) by a mask (H,W), in place."""
    _paint(image, mask, np.asarray(colour, np.float32))
