"""Textures of drawn things in one array, as kernels read them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from .filters import to_linear

Array = NDArray[Any]

NONE = -1
"""The number of no texture."""

LINEAR = to_linear(np.arange(256) / 255)
"""Linear light of the 256 coded values."""


class TextureTable:
    """Pictures (h,w,4) uint8, sRGB-coded with an opacity, one after the other in memory.

    Attributes:
        buffer: all their bytes; places: (n,3) int64 offset, height, width of each.
    """

    def __init__(self) -> None:
        self._pictures: list[Array] = []
        self.buffer: Array = np.zeros(4, np.uint8)
        self.places: Array = np.zeros((0, 3), np.int64)

    def add(self, pictures: list[Array]) -> list[int]:
        """Add pictures; their numbers.

        Raises:
            InputError: one is no (h,w,4) uint8.
        """
        for picture in pictures:
            if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
                got = f"{picture.dtype} {picture.shape}"
                raise InputError("texture", "uint8 of shape (h,w,4)", got)
        first = len(self._pictures)
        self._pictures += pictures
        sizes = np.array([p.size for p in self._pictures], np.int64)
        starts = np.cumsum(sizes) - sizes
        shapes = np.array([p.shape[:2] for p in self._pictures], np.int64).reshape(-1, 2)
        self.places = np.concatenate([starts[:, None], shapes], 1)
        self.buffer = np.concatenate([p.ravel() for p in self._pictures] or [self.buffer])
        return list(range(first, len(self._pictures)))
