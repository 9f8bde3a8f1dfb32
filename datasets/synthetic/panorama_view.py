"""What a panorama shows of itself: the place behind a face, and reflections in wet eyes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.jit import inline, kernel
from . import filters
from .colours import BRIGHTEST, code
from .filters import Image
from .light import Light
from .panorama import Panorama
from .pose import View

Array = NDArray[Any]

_FRESNEL = 0.025
"""Share of the light that the cornea (refractive index 1.376) mirrors straight back."""

_GLINT = 0.8
"""No mirrored light is brighter than this at exposure 1: vertices spread it too widely."""


@inline
def _look_up(picture: Array, way: Array, turn: float, out: Array) -> None:
    """out (3,) = the picture (h,w,3), turned, towards the unit direction `way`, bilinear."""
    height, width = picture.shape[0], picture.shape[1]
    angle = np.arctan2(way[0], -way[2]) - turn
    column = (angle * np.float32(0.5 / np.pi) + np.float32(0.5)) * width - np.float32(0.5)
    height_angle = np.arccos(min(max(way[1], np.float32(-1)), np.float32(1)))
    row = height_angle * np.float32(1 / np.pi) * height - np.float32(0.5)
    row = min(max(row, np.float32(0)), np.float32(height) - np.float32(1.001))
    left, top = int(np.floor(column)), int(row)
    across, down = np.float32(column - left), np.float32(row - top)
    left, right = left % width, (left + 1) % width
    for c in range(3):
        upper = picture[top, left, c] + across * (picture[top, right, c] - picture[top, left, c])
        lower = picture[top + 1, left, c]
        lower += across * (picture[top + 1, right, c] - lower)
        out[c] = upper + down * (lower - upper)


@kernel
def _see(
    picture: Array, turn: float, camera: Array, focal: float, centre: Array, gain: Array,
    brightest: float, out: Array,
) -> None:  # fmt: skip
    """Fill out (H,W,3) with the light of the picture; camera (3,3) turns rays into its space."""
    half, way, light = np.float32(0.5), np.empty(3, np.float32), np.empty(3, np.float32)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            x = (np.float32(c) + half - centre[0]) / focal
            y = (centre[1] - np.float32(r) - half) / focal
            for k in range(3):
                way[k] = camera[k, 0] * x + camera[k, 1] * y - camera[k, 2]
            way /= np.sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2])
            _look_up(picture, way, turn, light)
            for k in range(3):
                out[r, c, k] = min(light[k] * gain[k], brightest)


def panorama_background(
    rng: np.random.Generator, light: Light, exposure: float, *, view: View, size: int
) -> Image:
    """The place behind the face (size,size,3), sRGB-coded, out of focus as cameras have it.

    It has the turn, exposure and white balance of the light. A camera's own angle is used, but
    widened to an angle drawn between 30 and 65 degrees: a panorama's things are farther away than
    what stands behind people. Its tilt is unknown and drawn: a few degrees.

    Args:
        rng: chance.
        light: of `draw_light` with a panorama.
        exposure: of `find_exposure`.
        view: the camera.
        size: side of the picture, pixels.

    Raises:
        InputError: the light is not a panorama's.
    """
    picture = _panorama(light).picture
    least = size / 2 / np.tan(np.deg2rad(rng.uniform(30, 65)) / 2)
    focal = min(view.focal, least)
    centre = size / 2 + (view.centre - size / 2) * (focal / view.focal)
    out = np.empty((size, size, 3), np.float32)
    _see(picture, np.float32(light.turn), _tilt(rng), np.float32(focal),
         centre.astype(np.float32), light.white * np.float32(exposure),
         np.float32(2 * BRIGHTEST), out)  # fmt: skip
    enlarged = size / (2 * np.arctan(size / 2 / focal) / (2 * np.pi) * picture.shape[1])
    sigma = np.exp(rng.uniform(np.log(0.4), np.log(4))) * size / 128
    return code(filters.blur(out, max(sigma, 0.5 * enlarged)))


def _tilt(rng: np.random.Generator) -> NDArray[np.float32]:
    """A camera's rotation (3,3): tilted up or down and rolled by a few degrees."""
    pitch, roll = np.deg2rad(np.clip(rng.normal(0, [7, 2]), -20, 20))
    up, down = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, up, -down], [0, down, up]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0],
                        [0, 0, 1]])  # fmt: skip
    return (about_x @ about_z).astype(np.float32)


def _panorama(light: Light) -> Panorama:
    if light.panorama is None:
        raise InputError("light", "a panorama's", "painted light")
    return light.panorama


def look_around(
    panorama: Panorama, way: tuple[float, float, float], angle: float, *, gain: Array, size: int
) -> Image:
    """What a camera sees of a panorama in any direction: linear light (size,size,3).

    Args:
        panorama: the place.
        way: yaw, pitch and roll of the camera, radians.
        angle: what it sees, radians from side to side, below pi.
        gain: (3,) exposure and white balance.
        size: side of the picture, pixels.
    """
    yaw, pitch, roll = way
    up, down = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, up, -down], [0, down, up]])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    out = np.empty((size, size, 3), np.float32)
    _see(panorama.picture, np.float32(yaw), (about_x @ turn).astype(np.float32),
         np.float32(size / 2 / np.tan(angle / 2)), np.full(2, size / 2, np.float32),
         np.asarray(gain, np.float32), np.float32(2 * BRIGHTEST), out)  # fmt: skip
    return out


@kernel
def _mirror(
    picture: Array, turn: float, points: Array, normals: Array, wet: Array, white: Array,
    limit: float, out: Array,
) -> None:  # fmt: skip
    """out (n,3) = light mirrored towards the camera at the vertices `wet`, by Schlick's Fresnel."""
    way, light = np.empty(3, np.float32), np.empty(3, np.float32)
    base, one, zero = np.float32(_FRESNEL), np.float32(1), np.float32(0)
    for n in range(len(wet)):
        v = wet[n]
        p, normal = points[v], normals[v]
        far = np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
        cosine = -(p[0] * normal[0] + p[1] * normal[1] + p[2] * normal[2]) / far
        if cosine <= 0:
            out[n] = 0
            continue
        for k in range(3):
            way[k] = 2 * cosine * normal[k] + p[k] / far
        _look_up(picture, way, turn, light)
        share = base + (one - base) * max(one - cosine, zero) ** 5
        level = (light[0] + light[1] + light[2]) / np.float32(3)
        share *= np.float32(1.4) * level / (level + np.float32(2))
        for k in range(3):
            out[n, k] = min(light[k] * white[k] * share, limit)


def reflections(light: Light, points: Array, normals: Array, wet: Array) -> NDArray[np.float32]:
    """What the panorama adds (n,3), linear light, at wet vertices; its lamp is left to `shade`.

    Args:
        light: of `draw_light` with a panorama.
        points: (V,3) mm, camera space; normals: (V,3) of unit length.
        wet: (n,) vertices that mirror: those of the eyes.

    Raises:
        InputError: the light is not a panorama's.
    """
    out = np.empty((len(wet), 3), np.float32)
    _mirror(_panorama(light).mirrored, np.float32(light.turn), points, normals, wet, light.white,
            np.float32(_GLINT), out)  # fmt: skip
    return out
