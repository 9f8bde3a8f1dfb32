"""Light as spherical harmonics: the label that explains skin's colours, and panoramas' light.

The brightest lamp of a panorama, which casts the shadows, is taken out of it first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.jit import inline, kernel
from ...geometry.sh import BAND_OF_TERM, LAMBERT, rotate_light, sh_basis

Array = NDArray[Any]

_HOT_SHARE, _HOT_TIMES = 0.985, 4.0
"""A lamp is brighter than this share of all directions, and than this many times the mean."""

_TRUSTED = 4.0
"""Colours up to this many times the limit are as a camera saw them."""

_CONE = np.cos(np.deg2rad(25))

_STEADY = 1e-4


def directions(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit directions (h,w,3) of a panorama's pixels and the solid angle (h,1) of each."""
    polar = (np.arange(height)[:, None] + 0.5) / height * np.pi
    turn = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    ways = np.stack(
        [np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, -np.sin(polar) * np.cos(turn)], -1
    )
    borders = np.cos(np.arange(height + 1) / height * np.pi)
    return ways, (borders[:-1] - borders[1:])[:, None] * (2 * np.pi / width)


def take_out_lamp(picture: Array) -> tuple[Array, Array, NDArray[np.float32]]:
    """The lamp's direction (3,) and light (3,) and the panorama (h,w,3) without it.

    The lamp is what is brighter than its surroundings within 25 degrees of the place where most of
    such light comes from: the sun, a window, a lamp. Its light is what it gives a white surface
    that faces it; 0, from above, where nothing stands out.
    """
    ways, solid = directions(*picture.shape[:2])
    level = picture.mean(2, dtype=np.float64)
    limit = max(float(np.quantile(level, _HOT_SHARE)), _HOT_TIMES * float((level * solid).sum())
                / (4 * np.pi))  # fmt: skip
    hot = level > limit
    if not hot.any():
        return np.array([0.0, 1, 0]), np.zeros(3), picture
    power, way = ((level - limit) * solid)[hot], ways[hot]
    middle = _middle(way, power)
    taken = hot.copy()
    taken[hot] = way @ middle > _CONE
    share = np.where(taken, 1 - limit / np.maximum(level, limit), 0)
    power = float((level * share * solid).sum()) / np.pi
    tint = _tint(picture[taken], level[taken] / limit, (share * solid)[taken])
    return middle, power * tint, (picture * (1 - share[..., None])).astype(np.float32)


def _tint(light: Array, times: Array, weight: Array) -> NDArray[np.float64]:
    """The colour (3,), with the mean 1, of the light (n,3) of a lamp.

    Its brightest part counts less: there compressed files have colours that never were.
    """
    trusted = weight / np.maximum(times, _TRUSTED) ** 2
    colour = np.maximum(trusted @ light.astype(np.float64), 0)
    return colour / colour.mean()


def _middle(way: Array, power: Array) -> NDArray[np.float64]:
    """The middle (3,) of the cone that gets most of the power (n,) from the directions (n,3)."""
    some = np.argsort(power)[-300:]
    middle = way[some[np.argmax((way[some] @ way.T > _CONE) @ power)]]
    for _ in range(3):
        near = (way @ middle > _CONE) * power
        middle = near @ way
        middle = middle / np.linalg.norm(middle)
    return middle


def _constants() -> NDArray[np.float32]:
    """The factors (9,) of `sh_basis` before the polynomials in x, y and z."""
    x, y, z = unit = np.array([2.0, 1.0, 2.0]) / 3
    terms = [1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    basis = sh_basis(torch.from_numpy(unit)[None, None])[0, 0].numpy()
    return (basis / np.array(terms)).astype(np.float32)


CONSTANTS = _constants()


def fit_harmonics(
    normals: Array, albedo: Array, lit: Array, *, exposure: float, vertices: Array
) -> NDArray[np.float32]:
    """The light (9,3) of geometry/sh.py that best turns an albedo into colours, least squares.

    Args:
        normals: (V,3) of unit length, camera space.
        albedo: (V,3), sRGB-coded.
        lit: (V,3) linear light; times `exposure` what is seen.
        exposure: factor.
        vertices: (n,) which may count; of those that face the camera, every seventh does.
    """
    matrices, targets = np.zeros((3, 9, 9)), np.zeros((3, 9))
    count = _accumulate(
        normals, albedo, lit, np.float32(exposure), vertices, CONSTANTS, matrices, targets
    )
    matrices += _STEADY * count * np.eye(9)
    return np.linalg.solve(matrices, targets[..., None])[..., 0].T.astype(np.float32)


@inline
def _coded(light: np.float32) -> np.float32:
    """Linear light, sRGB-coded and clipped."""
    shown = min(max(light, np.float32(0)), np.float32(1))
    if shown <= np.float32(0.0031308):
        return np.float32(12.92) * shown
    return np.float32(1.055) * shown ** np.float32(1 / 2.4) - np.float32(0.055)


@inline
def _terms(normal: Array, constants: Array, out: Array) -> None:
    """The nine basis functions of `sh_basis`."""
    x, y, z = normal[0], normal[1], normal[2]
    out[0], out[1], out[2], out[3], out[4], out[5] = 1, y, z, x, x * y, y * z
    out[6], out[7], out[8] = 3 * z * z - 1, x * z, x * x - y * y
    for n in range(9):
        out[n] *= constants[n]


@kernel
def _accumulate(
    normals: Array, albedo: Array, lit: Array, exposure: float, vertices: Array,
    constants: Array, matrices: Array, targets: Array,
) -> int:  # fmt: skip
    """Normal equations of each colour; returns of how many vertices."""
    basis, facing, used = np.empty(9, np.float64), 0, 0
    for v in vertices:
        if normals[v, 2] <= 0:
            continue
        facing += 1
        if (facing - 1) % 7:
            continue
        used += 1
        _terms(normals[v], constants, basis)
        for c in range(3):
            scale, seen = min(max(albedo[v, c], 0.05), 1.0), _coded(lit[v, c] * exposure)
            for i in range(9):
                weight = scale * basis[i]
                targets[c, i] += weight * seen
                for j in range(9):
                    matrices[c, i, j] += weight * scale * basis[j]
    return used


def irradiance_harmonics(picture: Array) -> NDArray[np.float64]:
    """The light (9,3) of geometry/sh.py that a white surface gets from a panorama (h,w,3).

    Shading with it is the irradiance over pi (Ramamoorthi and Hanrahan 2001): 1 where all
    directions are 1.
    """
    ways, solid = directions(*picture.shape[:2])
    basis = sh_basis(torch.from_numpy(ways.reshape(1, -1, 3)))[0].numpy()
    radiance = (picture * solid[..., None]).reshape(-1, 3)
    lambert = np.array([LAMBERT[band] / np.pi for band in BAND_OF_TERM])
    return lambert[:, None] * (basis.T @ radiance)


def vertical_turn(angle: float) -> NDArray[np.float32]:
    """The rotation (3,3) that turns a panorama's directions to the right by an angle, radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)


def turned(light: Array, rotation: Array) -> NDArray[np.float32]:
    """The light (9,3) after all that gives it has been turned by a rotation (3,3)."""
    both = (torch.from_numpy(np.asarray(part, np.float64))[None] for part in (light, rotation))
    return rotate_light(*both)[0].numpy().astype(np.float32)
