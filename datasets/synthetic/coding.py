"""How a camera codes light: sRGB with a soft shoulder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .filters import to_srgb

BRIGHTEST = 4.0
"""Linear light from which on all is white."""

STEPS = 2048


def _coding_table() -> NDArray[np.float32]:
    light = BRIGHTEST * (np.arange(STEPS + 1) / STEPS) ** 2
    light = np.where(light > 0.8, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)), light)
    return to_srgb(light)


CODE = _coding_table()
"""Linear light x to sRGB with a soft shoulder above 0.8, at equal steps of sqrt(x / BRIGHTEST)."""


def code(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of any shape, 0 or more, sRGB-coded with the shoulder, in [0,1]."""
    root = np.sqrt(np.minimum(light, np.float32(BRIGHTEST)) * np.float32(1 / BRIGHTEST))
    return CODE[(root * np.float32(STEPS) + np.float32(0.5)).astype(np.int32)]
