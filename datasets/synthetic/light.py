"""Light: a coloured sky, one or two lamps, and how surfaces answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel
from .chance import one_of, pick, running_shares

Array = NDArray[Any]
_STRENGTHS = running_shares((0.12, 0.2, 0.26, 0.24, 0.12, 0.06))
_DARK = running_shares((0.7, 0.18, 0.12))

WET = 0.5
"""A gloss from which on a surface is wet, as eyes are: small, sharp highlights."""


@dataclass(frozen=True)
class Light:
    """Light in camera space; strengths in linear light.

    Attributes:
        sky: (3,) mean of the ambient light; slope: (3,3) its change along x, y, z per colour.
        lamps: (L,3) directions towards the lamps; colours: (L,3).
        wrap: how far light creeps round the skin into the shadow, 0 to 0.4.
        shine: exponent of the highlights, but of wet surfaces.
        shadow: how dark the first lamp's shadow is, 0 (none) to 1.
        exposure: display level that lit skin shall have.
    """

    sky: Array
    slope: Array
    lamps: Array
    colours: Array
    wrap: float
    shine: float
    shadow: float
    exposure: float


def draw_light(rng: np.random.Generator, shadow: float) -> Light:
    """A light; `shadow` is the probability of one."""
    strength = (0, 0.5, 1, 2, 4, 9)[pick(rng, _STRENGTHS)]
    lamps = [_direction(rng)]
    colours = [strength * np.exp(rng.normal(0, 0.3)) * _white(rng)]
    if rng.random() < 0.3:  # a second lamp: a rim or a fill light
        other = _direction(rng)
        other[2] *= one_of(rng, (-0.6, 1))
        lamps.append(other)
        colours.append(strength * rng.uniform(0.1, 0.8) * _white(rng))
    directions = np.array(lamps)
    silhouette = rng.uniform(0.08, 0.4) if rng.random() < 0.05 else 1.0
    dark = (1, 0.3, 0.07)[pick(rng, _DARK)] if strength > 0 else 1.0
    slope = rng.normal(0, 0.35, (1, 3)) + rng.normal(0, 0.06, (3, 3))
    return Light(
        sky=(_white(rng) * dark).astype(np.float32),
        slope=slope.astype(np.float32),
        lamps=(directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32),
        colours=np.array(colours, np.float32),
        wrap=float(rng.uniform(0, 0.3)),
        shine=float(rng.uniform(6, 40)),
        shadow=float(rng.uniform(0.5, 1)) if strength > 0 and rng.random() < shadow else 0.0,
        exposure=float(np.exp(np.log(0.29) + rng.normal(0, 0.4)) * silhouette),
    )


def _white(rng: np.random.Generator) -> NDArray[np.float64]:
    """The colour (3,) of a light that counts as white: warm or cool, and a little off."""
    return np.exp(rng.normal(0.15, 0.45) * np.array([0.3, 0.02, -0.35]) + rng.normal(0, 0.06, 3))


def _direction(rng: np.random.Generator) -> NDArray[np.float64]:
    """From the front and above as a rule, now and then from the side or from behind."""
    turn, lift = rng.normal(0, 0.85), rng.uniform(-0.35, 1.1)
    way = np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])
    if rng.random() < 0.12:
        way[2] *= -0.3
    return way


@kernel
def _shade(
    albedo: Array, normals: Array, gloss: Array, occlusion: Array, open_sky: Array, sky: Array,
    slope: Array, lamps: Array, colours: Array, wrap: float, shine: float, out: Array,
) -> None:  # fmt: skip
    zero = np.float32(0)
    soft = np.array([wrap, 0.5 * wrap, 0.35 * wrap], np.float32)
    scale, wet = 1 / (1 + soft), np.float32(WET)
    halves = np.empty_like(lamps)
    for n in range(len(lamps)):
        x, y, z = lamps[n, 0], lamps[n, 1], lamps[n, 2] + 1
        halves[n] = np.array([x, y, z], np.float32) / np.sqrt(x * x + y * y + z * z)
    for v in range(len(albedo)):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        for c in range(3):
            ambient = 1 + slope[c, 0] * nx + slope[c, 1] * ny + slope[c, 2] * nz
            out[v, c] = albedo[v, c] * sky[c] * max(ambient, np.float32(0.05)) * occlusion[v]
        for n in range(len(lamps)):
            cosine = nx * lamps[n, 0] + ny * lamps[n, 1] + nz * lamps[n, 2]
            seen = open_sky[v] if n == 0 else np.float32(1)
            if cosine < -soft[0] or seen <= 0:
                continue
            half = nx * halves[n, 0] + ny * halves[n, 1] + nz * halves[n, 2]
            shiny = zero
            if gloss[v] > 0 and half > 0.5 and cosine > 0:
                power = shine if gloss[v] < wet else np.float32(80)
                shiny = gloss[v] * half**power * seen
            for c in range(3):
                lit = max((cosine + soft[c]) * scale[c], zero) * seen
                out[v, c] += colours[n, c] * (albedo[v, c] * lit + shiny)


def shade(
    light: Light, albedo: Array, normals: Array, gloss: Array, occlusion: Array, open_sky: Array
) -> NDArray[np.float32]:
    """Linear light (n,3) that the vertices send to the camera, before exposure.

    Diffuse with a wrapped cosine that reaches further in red, as light scattered under skin does,
    and Blinn's highlight (1977); `open_sky` (n,) is 0 in the first lamp's shadow.
    """
    out = np.empty((len(albedo), 3), np.float32)
    _shade(albedo, normals, gloss, occlusion, open_sky, light.sky, light.slope, light.lamps,
           light.colours, np.float32(light.wrap), np.float32(light.shine), out)  # fmt: skip
    return out


@kernel
def _levels(lit: Array, normals: Array, albedo: Array, some: Array) -> tuple[float, float, int]:
    """Sums of lit where it faces the camera and of albedo, at the vertices `some`."""
    level, tone, count = 0.0, 0.0, 0
    for v in some:
        tone += albedo[v, 0] + albedo[v, 1] + albedo[v, 2]
        if normals[v, 2] > 0.3:
            level += lit[v, 0] + lit[v, 1] + lit[v, 2]
            count += 3
    return level, tone, count


def find_exposure(light: Light, lit: Array, normals: Array, albedo: Array, some: Array) -> float:
    """The factor that brings skin that faces the camera to the light's display level.

    Args:
        light: says that level.
        lit: (V,3) linear light of the head's vertices; normals, albedo: (V,3).
        some: (n,) vertices on the skin of the face.
    """
    level, tone, count = _levels(lit, normals, albedo, some)
    mean = level / count if count else 0.2
    darkness = (tone / (3 * len(some)) / 0.25) ** 0.5
    return float(light.exposure * darkness / max(mean, 1e-3))
