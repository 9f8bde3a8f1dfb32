"""Light: a coloured sky, one or two lamps, their shadows, and how surfaces answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.sh import sh_basis
from ...render.cpu.jit import kernel
from ...render.rasterizer import get_rasterizer

Array = NDArray[Any]
_MAP = 192
_BIAS_MM = 5.0
_BLUR_MM = 6.0

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
    strength = rng.choice([0, 0.5, 1, 2, 4, 9], p=[0.12, 0.2, 0.26, 0.24, 0.12, 0.06])
    lamps = [_direction(rng)]
    colours = [strength * np.exp(rng.normal(0, 0.3)) * _white(rng)]
    if rng.random() < 0.3:  # a second lamp: a rim or a fill light
        other = _direction(rng)
        other[2] *= rng.choice([-0.6, 1])
        lamps.append(other)
        colours.append(strength * rng.uniform(0.1, 0.8) * _white(rng))
    directions = np.array(lamps)
    silhouette = rng.uniform(0.08, 0.4) if rng.random() < 0.05 else 1.0
    dark = rng.choice([1, 0.3, 0.07], p=[0.7, 0.18, 0.12]) if strength > 0 else 1.0
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
    for v in range(len(albedo)):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        for c in range(3):
            ambient = 1 + slope[c, 0] * nx + slope[c, 1] * ny + slope[c, 2] * nz
            out[v, c] = albedo[v, c] * sky[c] * max(ambient, 0.05) * occlusion[v]
        for n in range(len(lamps)):
            lx, ly, lz = lamps[n, 0], lamps[n, 1], lamps[n, 2]
            cosine = nx * lx + ny * ly + nz * lz
            seen = open_sky[v] if n == 0 else 1.0
            hx, hy, hz = lx, ly, lz + 1
            half = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz)
            shiny = 0.0
            if gloss[v] > 0 and half > 0.5 and cosine > 0:
                shiny = gloss[v] * half ** (shine if gloss[v] < WET else 80.0) * seen
            for c in range(3):
                soft = wrap * (1.0, 0.5, 0.35)[c]
                lit = max((cosine + soft) / (1 + soft), 0.0) * seen
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
           light.colours, light.wrap, light.shine, out)  # fmt: skip
    return out


def cast_shadow(
    light: Light, points: Array, faces: Array, framed: int, closed: int
) -> NDArray[np.float32]:
    """How much of the first lamp each point (n,3) sees, (n,); the first `framed` set the frame.

    The first `closed` faces bound solid bodies. A depth map from the lamp, read at four places
    with a bias (Williams 1978, Reeves 1987).
    """
    lamp = light.lamps[0].astype(np.float64)
    helper = [0.0, 1, 0] if abs(lamp[1]) < 0.9 else [1.0, 0, 0]
    across = np.cross(helper, lamp)
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(lamp, across), lamp], 1).astype(np.float32)
    local = points @ frame
    some = local[:framed:11]
    low, high = some.min(0), some.max(0)
    half = float((high - low)[:2].max()) / 2 * 1.05
    middle = (low + high) / 2
    clip = np.ones((len(points), 4), np.float32)
    clip[:, :2] = (local[:, :2] - middle[:2]) / half
    clip[:, 2] = (middle[2] - local[:, 2]) / 1000
    buffer = (
        get_rasterizer()
        .rasterize(torch.from_numpy(clip)[None], torch.from_numpy(faces), (_MAP, _MAP))[0]
        .numpy()
    )
    depth = np.where(buffer[..., 3] > 0, buffer[..., 2] * 1000, 1e6).astype(np.float32)
    seen = np.empty(len(points), np.float32)
    _look_up(depth, clip, _BLUR_MM * _MAP / (2 * half) / 2, seen)
    return 1 - np.float32(light.shadow) * (1 - seen)


@kernel
def _look_up(depth: Array, clip: Array, step: float, seen: Array) -> None:
    size = depth.shape[0]
    for v in range(len(seen)):
        x, y = (clip[v, 0] + 1) * 0.5 * size, (1 - clip[v, 1]) * 0.5 * size
        own = clip[v, 2] * 1000
        total = 0.0
        for k in range(4):
            c = int(min(max(x + (step if k % 2 else -step), 0), size - 1))
            r = int(min(max(y + (step if k // 2 else -step), 0), size - 1))
            behind = own - depth[r, c] - _BIAS_MM
            total += min(max(1 - behind / _BIAS_MM, 0.0), 1.0)
        seen[v] = total / 4


def fit_harmonics(normals: Array, albedo: Array, colours: Array) -> NDArray[np.float32]:
    """The light (9,3) of geometry/sh.py that best turns an albedo into colours, least squares.

    Args:
        normals: (n,3) of unit length.
        albedo: (n,3), sRGB-coded.
        colours: (n,3), sRGB-coded.
    """
    basis = sh_basis(torch.from_numpy(normals)[None])[0].numpy()
    matrices, targets = np.zeros((3, 9, 9)), np.zeros((3, 9))
    _accumulate(basis, albedo, colours, matrices, targets)
    matrices += 1e-4 * len(basis) * np.eye(9)
    return np.linalg.solve(matrices, targets[..., None])[..., 0].T.astype(np.float32)


@kernel
def _accumulate(
    basis: Array, albedo: Array, colours: Array, matrices: Array, targets: Array
) -> None:
    """Normal equations of each colour."""
    for n in range(len(basis)):
        for c in range(3):
            scale = min(max(albedo[n, c], 0.05), 1.0)
            for i in range(9):
                one = scale * basis[n, i]
                targets[c, i] += one * colours[n, c]
                for j in range(9):
                    matrices[c, i, j] += one * scale * basis[n, j]
