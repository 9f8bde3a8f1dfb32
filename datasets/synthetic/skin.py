"""Skin, brows, beard, make-up and eyes of one face, in linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .colours import cloth_colour
from .filters import to_linear
from .head import Head
from .masks import sigmoid
from .surface import Surface, normalise, normals

Array = NDArray[np.float32]
_IRIS_MM = 5.8
_PUPIL_MM = 2.5


def draw_skin(
    rng: np.random.Generator, head: Head, points: Array, coded: Array, hair: NDArray,
    roots: NDArray | None, *, beard: bool,
) -> Surface:  # fmt: skip
    """The head as a coloured surface.

    Args:
        rng: source of chance.
        head: the default head.
        points: (V,3) positions, mm in model space.
        coded: (V,3) albedo of the model, sRGB-coded.
        hair: (3,) colour of brows and beard, linear light.
        roots: (V,) where hair grows; None leaves brows, lips and neck as the model has them.
        beard: whether there is one.
    """
    masks = head.masks
    albedo = _tinted(rng, head, to_linear(np.clip(coded, 0, 1)))
    gloss = np.where(masks.skin > 0.5, rng.uniform(0, 0.25), 0.3).astype(np.float32)
    if roots is not None:
        _mix(albedo, roots * masks.skin, hair)
        gloss *= 1 - roots
        _brows(rng, head, albedo, hair)
        _make_up(rng, head, albedo)
    if beard:
        _beard(rng, head, albedo, gloss, hair)
    _eyes(rng, head, albedo, gloss)
    if roots is not None and rng.random() < 0.35:
        collar = sigmoid((masks.neck - rng.uniform(88, 143)) / 2) * masks.skin
        _mix(albedo, collar, cloth_colour(rng))
        gloss *= 1 - collar
    occlusion = head.occlusion ** np.float32(rng.uniform(0.3, 1.6))
    return Surface(points, head.faces, np.clip(albedo, 0.003, 0.95), gloss, occlusion)


def skin_normals(rng: np.random.Generator, head: Head, points: Array) -> Array:
    """Normals (V,3) of the head, roughened by pores, folds and lines of the forehead."""
    smooth = normals(points, head.faces)
    noise, skin = head.noise, head.masks.skin[:, None]
    tilt = np.float32(abs(rng.normal(0, 0.02))) * noise.bumps[rng.integers(0, 10)]
    tilt = tilt + np.float32(abs(rng.normal(0, 0.035))) * noise.bumps[rng.integers(10, 21)]
    if rng.random() < 0.35:
        depth = np.float32(rng.uniform(0.05, 0.35))
        tilt = tilt + noise.lines * (depth * head.masks.forehead)[:, None]
    rough = smooth + tilt * skin
    normalise(rough)
    return rough


def _mix(albedo: Array, weight: NDArray, colour: NDArray) -> None:
    """Blend a colour (3,) into albedo (V,3) by weights (V,), in place."""
    where = np.flatnonzero(weight > 0.004)
    part = weight[where, None].astype(np.float32)
    albedo[where] += part * (np.asarray(colour, np.float32) - albedo[where])


def _tinted(rng: np.random.Generator, head: Head, albedo: Array) -> Array:
    """Overall tint, blotches, freckles and moles."""
    warm = rng.uniform(-0.2, 1) * np.array([0.06, -0.01, -0.22])
    tint = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.04, 3) + warm)
    albedo = albedo * tint.astype(np.float32)
    fields = head.noise.fields
    mix = np.zeros(len(albedo), np.float32)
    for low, high, most in ((0, 10, 0.03), (10, 21, 0.06), (21, 32, 0.09)):
        mix += np.float32(rng.uniform(0, most)) * fields[rng.integers(low, high)]
    albedo *= np.exp(mix)[:, None]
    if rng.random() < 0.06:
        spots = sigmoid((fields[rng.integers(0, 10)] - rng.uniform(1.4, 2.1)) / 0.2)
        depth = np.array([0.3, 0.5, 0.6]) * rng.uniform(0.2, 0.7)
        albedo *= 1 - spots[:, None] * depth.astype(np.float32) * head.masks.face[:, None]
    return albedo


def _brows(rng: np.random.Generator, head: Head, albedo: Array, hair: NDArray) -> None:
    if rng.random() < 0.85:
        dark = rng.uniform(0.5, 1.2)
        _mix(albedo, head.masks.brows * rng.uniform(0.15, 1), hair * dark)


def _make_up(rng: np.random.Generator, head: Head, albedo: Array) -> None:
    masks = head.masks
    if rng.random() < 0.3:
        change = [rng.uniform(0, 0.6), -rng.uniform(0.1, 0.65), -rng.uniform(0, 0.6)]
        albedo *= 1 + masks.lips[:, None] * np.array(change, np.float32)
    if rng.random() < 0.25:
        shadow = to_linear(rng.uniform(0, 0.5, 3) * rng.uniform(0.2, 1))
        _mix(albedo, masks.lids * rng.uniform(0.15, 0.75), shadow)
    if rng.random() < 0.25:
        albedo *= 1 + masks.cheeks[:, None] * np.array([0.1, -0.3, -0.25], np.float32)
    if rng.random() < 0.88:
        _mix(albedo, masks.lashes * rng.uniform(0.3, 1), np.full(3, 0.015))


def _beard(
    rng: np.random.Generator, head: Head, albedo: Array, gloss: Array, hair: NDArray
) -> None:
    masks = head.masks
    grain = head.noise.fields[rng.integers(0, 10)]
    if rng.random() < 0.25:
        weight = masks.stubble * rng.uniform(0.15, 0.5)
    else:
        weight = masks.beards[rng.integers(4)] * rng.choice([0.4, 0.7, 0.95])
    weight = np.clip(weight * (1 + 0.06 * grain), 0, 1)
    white = np.array([0.5, 0.48, 0.45])
    _mix(albedo, weight, white if rng.random() < 0.12 else hair * 1.3)
    gloss *= 1 - weight


def _eyes(rng: np.random.Generator, head: Head, albedo: Array, gloss: Array) -> None:
    """Whites, irises with a gaze of their own, and pupils."""
    gaze = rng.normal(0, 1, 2) * [3.5, 1.6]
    if rng.random() < 0.75:
        iris = np.array([0.03, 0.02, 0.012]) * np.exp(rng.normal(0, 0.6))
    else:
        iris = np.array([0.07, 0.11, 0.13]) * np.exp(rng.normal(0, 0.4))
    white = rng.uniform(0.45, 0.9)
    radius = _IRIS_MM * rng.uniform(0.95, 1.12)
    for mask, centre in zip(head.masks.eyes, head.masks.eye_centres, strict=True):
        ball = np.flatnonzero(mask)
        albedo[ball] *= np.float32(white)
        away = head.mean[ball, :2] - (centre[:2] + gaze)
        distance = np.sqrt((away**2).sum(1))
        inside = sigmoid((radius - distance) / 0.4)[:, None]
        pupil = sigmoid((_PUPIL_MM - distance) / 0.4)[:, None]
        rim = 1 - 0.6 * np.clip(distance / radius, 0, 1)[:, None] ** 4
        colour = (iris * (1 - pupil) * rim).astype(np.float32)
        albedo[ball] += inside * (colour - albedo[ball])
        gloss[ball] = 0.8
