"""How hair answers light: two highlights along the strands (Kajiya, Kay 1989; Marschner 2003)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel
from .light import Light, shade

Array = NDArray[Any]

_AMBIENT = 0.85
"""Share of the sky that reaches hair among hair."""

_NO_LAMPS = np.zeros((0, 3), np.float32)


@kernel
def _shade(
    colour: Array, normals: Array, strands: Array, seen: Array, lamps: Array, colours: Array,
    diffuse: Array, shine: Array,
) -> None:  # fmt: skip
    """Add the lamps; the highlights lie a little off, for the scales of hair are tilted."""
    zero, one = np.float32(0), np.float32(1)
    for v in range(len(normals)):
        for n in range(len(lamps)):
            nl = tl = th = size = zero
            for k in range(3):
                half = lamps[n, k] + np.float32(k == 2)
                size += half * half
                th += strands[v, k] * half
                tl += strands[v, k] * lamps[n, k]
                nl += normals[v, k] * lamps[n, k]
            th /= np.sqrt(size)
            open_sky = seen[v] if n == 0 else one
            side = np.sqrt(max(one - tl * tl, zero))
            side *= min(max(nl * np.float32(0.75) + np.float32(0.35), zero), one) * open_sky
            first = max(one - (th + np.float32(0.08)) ** 2, zero) ** 30 * np.float32(0.03)
            second = max(one - (th - np.float32(0.12)) ** 2, zero) ** 8 * np.float32(0.3)
            bright = min(max(nl + np.float32(0.3), zero), one) * open_sky
            for k in range(3):
                diffuse[v, k] += colours[n, k] * colour[k] * side
                shine[v, k] += colours[n, k] * bright * (first + second * colour[k])


def shade_hair(
    light: Light, colour: NDArray, normals: Array, strands: Array, seen: Array
) -> tuple[Array, Array]:
    """Diffuse light and highlights (n,3) of hair, linear, before exposure.

    Args:
        light: in camera space.
        colour: (3,) linear.
        normals: (n,3) turned to the camera; strands: (n,3) unit vectors along them.
        seen: (n,) 0 in the first lamp's shadow.
    """
    tone = np.asarray(colour, np.float32)
    count, around = len(normals), replace(light, lamps=_NO_LAMPS, colours=_NO_LAMPS)
    flat, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    tones = np.ascontiguousarray(np.broadcast_to(tone, (count, 3)))
    diffuse = shade(around, tones, normals, flat, ones * np.float32(_AMBIENT), ones)
    shine = np.zeros_like(diffuse)
    _shade(tone, normals, strands, seen, light.lamps, light.colours, diffuse, shine)
    return diffuse, shine
