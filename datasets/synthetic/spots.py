"""Soft masks that cover few vertices, and colouring through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel

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
