"""Photographs of one tone, such as grey, sepia or blue ones: their textures have no other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_STRIDE = 37  # every so many texels are enough to tell a tone
_SPREAD = 2.5 / 255  # of the channels round the tone, on average, that a photograph of one has


def keep_tone(image: Floats, sampled: Floats, seen: NDArray[np.bool_]) -> None:
    """Give a texture (S,S,3) the tone of its photograph in place, if that has but one.

    Its colours follow from their brightness alone then (grey: they are that), and so do those of
    what was completed. A photograph of many colours leaves the texture as it is.

    Args:
        image: the texture. sampled: (S,S,3) the photograph's colours. seen: (S,S) where it has any.
    """
    colours = sampled.reshape(-1, 3)[np.flatnonzero(seen)[::_STRIDE]]
    if not len(colours):
        return
    bright = colours.mean(1)
    ends = float(bright.min()), float(bright.max())
    powers, off = _powers(bright, ends), colours - bright[:, None]
    curve = np.linalg.lstsq(powers, off, rcond=None)[0].astype(np.float32)
    if float(np.ptp(off - powers @ curve, axis=1).mean()) < _SPREAD:
        bright = image.mean(2)
        image[:] = bright[..., None] + _powers(bright, ends) @ curve


def _powers(bright: Floats, ends: tuple[float, float]) -> Floats:
    """Powers (...,3) of a brightness (...), held between the darkest and the brightest known."""
    held = np.clip(bright, *ends)
    return np.stack([np.ones_like(held), held, np.square(held)], -1)
