"""The One-Euro filter: still where little moves, without lag where much does.

After Casiez, Roussel and Vogel, 1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems, CHI 2012: exponential smoothing whose cutoff frequency grows with the speed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class EuroOptions:
    """How much is smoothed.

    Attributes:
        cutoff: Hz, of what does not move: the lower, the less jitter.
        slope: Hz by which the cutoff grows for a unit per second: the higher, the less lag.
        speed_cutoff: Hz, of the speed itself.
    """

    cutoff: float
    slope: float
    speed_cutoff: float = 1.0


class OneEuro:
    """Smooths arrays of one shape, every number by its own speed.

    Args:
        options: see `EuroOptions`.
    """

    def __init__(self, options: EuroOptions) -> None:
        self.options = options
        self._raw: Floats | None = None

    def __call__(self, value: Floats, step: float, unit: float = 1.0) -> Floats:
        """The smoothed value; the first one as it is.

        Args:
            value: as measured.
            step: seconds since the last one.
            unit: of the values, in which speeds are counted.
        """
        if self._raw is None or step <= 0:
            self._raw = self._smooth = np.array(value, np.float64)
            self._speed = np.zeros_like(self._smooth)
            return self._smooth
        speed = (value - self._raw) / step
        self._speed += share(step, self.options.speed_cutoff) * (speed - self._speed)
        cutoff = self.options.cutoff + self.options.slope * np.abs(self._speed) / unit
        self._raw = np.array(value, np.float64)
        self._smooth = self._smooth + share(step, cutoff) * (self._raw - self._smooth)
        return self._smooth


class TurnEuro:
    """The same of rotations: along the shortest turn, by the angular speed.

    Args:
        options: for degrees per second.
    """

    def __init__(self, options: EuroOptions) -> None:
        self.options = options
        self._raw: Rotation | None = None

    def __call__(self, matrix: Floats, step: float) -> Floats:
        """The smoothed rotation (3,3); the first one as it is.

        Args:
            matrix: (3,3) as measured.
            step: seconds since the last one.
        """
        turned = Rotation.from_matrix(matrix)
        if self._raw is None or step <= 0:
            self._raw = self._smooth = turned
            self._speed = np.zeros(3)
            return turned.as_matrix()
        speed = np.degrees((turned * self._raw.inv()).as_rotvec()) / step
        self._speed += share(step, self.options.speed_cutoff) * (speed - self._speed)
        cutoff = self.options.cutoff + self.options.slope * np.linalg.norm(self._speed)
        self._raw = turned
        way = (turned * self._smooth.inv()).as_rotvec()
        self._smooth = Rotation.from_rotvec(share(step, cutoff) * way) * self._smooth
        return self._smooth.as_matrix()


def share(step: float, cutoff: Any) -> Any:  # noqa: ANN401  (numbers and arrays alike)
    """How much of a new value a low-pass filter takes.

    Args:
        step: seconds since the last one.
        cutoff: Hz, a number or an array.
    """
    return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
