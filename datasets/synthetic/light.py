"""Light: a coloured sky or a panorama, one or two lamps, and how surfaces answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from .chance import one_of, pick, running_shares
from .harmonics import CONSTANTS, turned, vertical_turn
from .panorama import Panorama

Array = NDArray[Any]
_STRENGTHS = running_shares((0.12, 0.2, 0.26, 0.24, 0.12, 0.06))
_DARK = running_shares((0.7, 0.18, 0.12))

_NONE = np.zeros((0, 3), np.float32)
_OWN_LAMP = 0.2
_CONTRAST = 5.0
"""No panorama's lamp gives more times the ambient light: photographers lighten shadows up."""

_SIDEWAYS = 0.35
"""Lamps whose direction has less than this along z light a face from its side or from behind."""

_DARKEST = 0.05
"""Ambient light is nowhere less than this share of its mean."""

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
        panorama: what the light comes from, None for painted light.
        turn: radians by which the panorama is turned to the right.
        ambient: (9,3) harmonics of `geometry.sh` in camera space, in place of sky and slope.
        white: (3,) the camera's white balance: what a panorama's colours are multiplied by; in
            `ambient` and `colours` it is already.
    """

    sky: Array
    slope: Array
    lamps: Array
    colours: Array
    wrap: float
    shine: float
    shadow: float
    exposure: float
    panorama: Panorama | None = None
    turn: float = 0.0
    ambient: Array | None = None
    white: Array = field(default_factory=lambda: np.ones(3, np.float32))


def draw_light(rng: np.random.Generator, shadow: float, panorama: Panorama | None = None) -> Light:
    """A light: painted, or a panorama's, turned so that most of it comes from the front as a rule.

    Args:
        rng: chance.
        shadow: the probability of a shadow in painted light; panoramas' lamps cast one more often.
        panorama: where the face is.
    """
    return _painted(rng, shadow) if panorama is None else _placed(rng, shadow, panorama)


def _painted(rng: np.random.Generator, shadow: float) -> Light:
    """Sky and lamps by chance alone."""
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


def _placed(rng: np.random.Generator, shadow: float, panorama: Panorama) -> Light:
    """A panorama's light, now and then with a lamp of the photographer's."""
    turn = _facing_turn(rng, panorama)
    rotation = vertical_turn(turn)
    ambient = turned(panorama.ambient, rotation)
    most = _CONTRAST * CONSTANTS[0] * ambient[0].mean()
    colour = panorama.colour * min(1, most / max(panorama.colour.mean(), 1e-6))
    ways, colours = _panorama_lamps(rng, rotation @ panorama.lamp, colour)
    white = _white_balance(rng, ambient, ways, colours)
    silhouette = rng.uniform(0.15, 0.5) if rng.random() < 0.03 else 1.0
    often = 1.0 if ways[0, 2] < _SIDEWAYS else shadow**0.3
    casts = shadow > 0 and colours[0].any() and rng.random() < often
    return Light(
        sky=(white * np.maximum(ambient[0] * CONSTANTS[0], 0)).astype(np.float32),
        slope=np.zeros((3, 3), np.float32),
        lamps=ways.astype(np.float32),
        colours=(colours * white).astype(np.float32),
        wrap=float(rng.uniform(0.03, 0.18)),
        shine=float(rng.uniform(6, 40)),
        shadow=float(rng.uniform(0.6, 1)) if casts else 0.0,
        exposure=float(0.25 * np.exp(min(max(rng.normal(0, 0.27), -0.6), 0.3)) * silhouette),
        panorama=panorama,
        turn=turn,
        ambient=(ambient * white).astype(np.float32),
        white=white.astype(np.float32),
    )


def _panorama_lamps(rng: np.random.Generator, way: Array, colour: Array) -> tuple[Array, Array]:
    """Directions (L,3) and colours (L,3), the strongest, which casts the shadow, first.

    What comes from behind without a shadow would shine through the head, so that it is dimmed.
    """
    ways, colours = way[None].astype(np.float64), colour[None].astype(np.float64)
    if rng.random() < _OWN_LAMP:
        lamp = _direction(rng)
        lamp[2] = abs(lamp[2])
        ways = np.stack([ways[0], lamp / np.linalg.norm(lamp)])
        colours = np.stack([colours[0], np.exp(rng.normal(-0.2, 0.6)) * _white(rng)])
    order = np.argsort(-colours.sum(1), kind="stable")
    ways, colours = ways[order], colours[order]
    colours[1:] *= np.where(ways[1:, 2:] < _SIDEWAYS, 0.3, 1)
    return ways, colours


def _facing_turn(rng: np.random.Generator, panorama: Panorama) -> float:
    """A turn that brings what lights most to the front, about 55 degrees to either side of it."""
    if rng.random() < 0.13:
        return float(rng.uniform(-np.pi, np.pi))
    bands = panorama.ambient[[3, 2]].mean(1) * CONSTANTS[[3, 2]] * 1.5  # towards x and z
    across, along = bands + panorama.lamp[[0, 2]] * panorama.colour.mean()
    return float(np.pi + rng.normal(0, 0.96) - np.arctan2(across, -along))


def _white_balance(
    rng: np.random.Generator, ambient: Array, ways: Array, colours: Array
) -> NDArray[np.float64]:
    """What a camera multiplies colours (3,) by, so that its guess of the light looks whiter.

    The guess: the light on what faces the camera, and that from all sides. Cameras leave some of
    the warmth of lamps and of the blue of shadows, and less of what is green or purple.
    """
    ahead = CONSTANTS[0] * ambient[0] + CONSTANTS[2] * ambient[2] + CONSTANTS[6] * 2 * ambient[6]
    lamps = (0.1 + 0.9 * np.maximum(ways[:, 2:], 0)) * colours
    around = CONSTANTS[0] * ambient[0] + 0.25 * colours.sum(0)
    seen = np.maximum(ahead + lamps.sum(0), 0) + 0.4 * around
    red, green, blue = np.log(np.maximum(seen / seen.mean(), 0.05))
    warm, leafy = (red - blue) / 2, green - (red + blue) / 2
    taken = warm * rng.uniform(0.55, 0.95), leafy * rng.uniform(0.8, 1)
    cast = np.array([taken[0] - taken[1] / 3, taken[1] * 2 / 3, -taken[0] - taken[1] / 3])
    return np.exp(rng.normal(0, 0.03, 3) - cast)


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


@inline
def _ambient(terms: Array, c: int, x: float, y: float, z: float) -> float:
    """Harmonics (9,3), times their constants, at a unit normal."""
    flat = terms[0, c] + terms[1, c] * y + terms[2, c] * z + terms[3, c] * x
    mixed = terms[4, c] * x * y + terms[5, c] * y * z + terms[7, c] * x * z
    return flat + mixed + terms[6, c] * (3 * z * z - 1) + terms[8, c] * (x * x - y * y)


@kernel
def _shade(
    albedo: Array, normals: Array, gloss: Array, occlusion: Array, open_sky: Array, sky: Array,
    slope: Array, ambience: Array, lamps: Array, colours: Array, wrap: float, shine: float,
    out: Array,
) -> None:  # fmt: skip
    zero = np.float32(0)
    soft = np.array([wrap, 0.5 * wrap, 0.35 * wrap], np.float32)
    scale, wet, dark = 1 / (1 + soft), np.float32(WET), np.float32(_DARKEST)
    sharp = np.float32(200) if len(ambience) else np.float32(80)
    halves = np.empty_like(lamps)
    for n in range(len(lamps)):
        x, y, z = lamps[n, 0], lamps[n, 1], lamps[n, 2] + 1
        halves[n] = np.array([x, y, z], np.float32) / np.sqrt(x * x + y * y + z * z)
    for v in range(len(albedo)):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        for c in range(3):
            if len(ambience):
                light = _ambient(ambience, c, nx, ny, nz)
                out[v, c] = albedo[v, c] * max(light, sky[c] * dark) * occlusion[v]
                continue
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
                power = shine if gloss[v] < wet else sharp
                shiny = gloss[v] * half**power * seen
            for c in range(3):
                lit = max((cosine + soft[c]) * scale[c], zero) * seen
                out[v, c] += colours[n, c] * (albedo[v, c] * lit + shiny)


def shade(
    light: Light, albedo: Array, normals: Array, *, gloss: Array, occlusion: Array, open_sky: Array
) -> NDArray[np.float32]:
    """Linear light (n,3) that the vertices send to the camera, before exposure.

    Diffuse with a wrapped cosine that reaches further in red, as light scattered under skin does,
    and Blinn's highlight (1977); `open_sky` (n,) is 0 in the first lamp's shadow.
    """
    out = np.empty((len(albedo), 3), np.float32)
    ambience = _NONE if light.ambient is None else light.ambient * CONSTANTS[:, None]
    _shade(albedo, normals, gloss, occlusion, open_sky, light.sky, light.slope, ambience,
           light.lamps, light.colours, np.float32(light.wrap), np.float32(light.shine),
           out)  # fmt: skip
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


def find_exposure(light: Light, lit: Array, normals: Array, *, albedo: Array, some: Array) -> float:
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
