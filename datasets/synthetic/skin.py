"""Skin, brows, beard and make-up of one face, in linear light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...render.cpu.jit import kernel
from .chance import one_of
from .colours import cloth_colour
from .filters import to_linear
from .head import Head
from .inside import LINEAR, paint_eyes, paint_mouth
from .masks import sigmoid
from .spots import Spot, blend, fade, multiply
from .surface import Surface, sum_normals

Array = NDArray[Any]


def draw_skin(
    rng: np.random.Generator, head: Head, points: Array, coded: Array, hair: NDArray,
    roots: Spot | None, marks: Array, *, beard: bool,
) -> Surface:  # fmt: skip
    """The head as a coloured surface.

    Args:
        rng: source of chance.
        head: the default head.
        points: (V,3) positions, mm in model space.
        coded: (V,3) albedo of the model, sRGB-coded.
        hair: (3,) colour of brows and beard, linear light.
        roots: where hair grows; None leaves brows, lips and neck as the model has them.
        marks: (68,3) the landmarks `ibug68` of this face.
        beard: whether there is one.
    """
    masks = head.masks
    albedo = _tinted(rng, head, coded)
    gloss = np.where(masks.skin > 0.5, np.float32(rng.uniform(0, 0.25)), np.float32(0.3))
    if roots is not None:
        blend(albedo, Spot(roots.where, roots.weight * masks.skin[roots.where]), hair)
        fade(gloss, roots)
        _brows(rng, head, albedo, hair)
        _make_up(rng, head, albedo)
    if beard:
        _beard(rng, head, albedo, gloss, hair)
    occlusion = head.occlusion ** np.float32(rng.uniform(0.3, 1.6))
    paint_eyes(rng, head, points, coded, albedo, gloss, marks)
    paint_mouth(rng, head, points, coded, albedo, gloss, marks)
    if roots is not None and rng.random() < 0.35:
        collar = Spot.of(sigmoid((masks.neck - np.float32(rng.uniform(92, 155))) / 2) * masks.skin)
        blend(albedo, collar, cloth_colour(rng))
        fade(gloss, collar)
    np.minimum(np.maximum(albedo, np.float32(0.003), out=albedo), np.float32(0.95), out=albedo)
    return Surface(points, head.faces, albedo, gloss, occlusion)


@kernel
def _roughen(
    sums: Array, skin: Array, first: Array, second: Array, tilts: tuple[float, float],
    lines: Array, depths: Array, rotation: Array, out: Array,
) -> None:  # fmt: skip
    """Unit normals of sums (V,3), tilted on the skin, then rotated."""
    tiny, way = np.float32(1e-12), np.empty(3, np.float32)
    for v in range(len(sums)):
        x, y, z = sums[v, 0], sums[v, 1], sums[v, 2]
        scale = np.float32(1 / np.sqrt(x * x + y * y + z * z + tiny))
        one, two = tilts[0] * skin[v], tilts[1] * skin[v]
        for c in range(3):
            way[c] = sums[v, c] * scale + one * first[v, c] + two * second[v, c]
        if len(depths):
            for c in range(3):
                way[c] += depths[v] * skin[v] * lines[v, c]
        x, y, z = way[0], way[1], way[2]
        scale = np.float32(1 / np.sqrt(x * x + y * y + z * z + tiny))
        for c in range(3):
            turned = rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z
            out[v, c] = turned * scale


def skin_normals(
    rng: np.random.Generator, head: Head, points: Array, rotation: Array
) -> NDArray[np.float32]:
    """Normals (V,3) of the head in camera space, roughened by pores, folds and forehead lines."""
    noise, sums = head.noise, np.empty_like(points)
    sum_normals(points, head.faces, sums)
    fine = np.float32(abs(rng.normal(0, 0.02)))
    pores = noise.bumps[rng.integers(0, 10)]
    wide = np.float32(abs(rng.normal(0, 0.035)))
    folds = noise.bumps[rng.integers(10, 21)]
    depths = np.zeros(0, np.float32)
    if rng.random() < 0.35:
        depths = np.float32(rng.uniform(0.05, 0.35)) * head.masks.forehead
    out = np.empty_like(points)
    _roughen(sums, head.masks.skin, pores, folds, (fine, wide), noise.lines, depths, rotation, out)
    return out


@kernel
def _colour(coded: Array, strength: Array, tint: Array, table: Array, out: Array) -> None:
    """out = strength (V,) times tint (3,) times the linear light of coded (V,3)."""
    zero, one, steps = np.float32(0), np.float32(1), np.float32(len(table) - 2)
    for v in range(len(coded)):
        for c in range(3):
            place = min(max(coded[v, c], zero), one) * steps
            low = int(place)
            light = table[low] + (place - low) * (table[low + 1] - table[low])
            out[v, c] = strength[v] * tint[c] * light


def _tinted(rng: np.random.Generator, head: Head, coded: Array) -> Array:
    """Linear albedo with an overall tint, blotches, freckles and moles."""
    warm = rng.uniform(-0.2, 1) * np.array([0.06, -0.01, -0.22])
    tint = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.04, 3) + warm)
    fields = head.noise.fields
    mix = np.zeros(len(coded), np.float32)
    for low, high, most in ((0, 10, 0.03), (10, 21, 0.06), (21, 32, 0.09)):
        mix += np.float32(rng.uniform(0, most)) * fields[rng.integers(low, high)]
    albedo = np.empty_like(coded)
    _colour(coded, np.exp(mix), tint.astype(np.float32), LINEAR, albedo)
    if rng.random() < 0.06:
        spots = sigmoid((fields[rng.integers(0, 10)] - rng.uniform(1.4, 2.1)) / 0.2)
        depth = np.array([0.3, 0.5, 0.6]) * rng.uniform(0.2, 0.7)
        multiply(albedo, Spot.of(spots * head.masks.face), -depth)
    return albedo


def _brows(rng: np.random.Generator, head: Head, albedo: Array, hair: NDArray) -> None:
    if rng.random() < 0.85:
        dark = rng.uniform(0.5, 1.2)
        blend(albedo, head.masks.brows.scaled(rng.uniform(0.15, 1)), hair * dark)


def _make_up(rng: np.random.Generator, head: Head, albedo: Array) -> None:
    masks = head.masks
    if rng.random() < 0.3:
        change = [rng.uniform(0, 0.6), -rng.uniform(0.1, 0.65), -rng.uniform(0, 0.6)]
        multiply(albedo, masks.lips, np.array(change))
    if rng.random() < 0.25:
        shadow = to_linear(rng.uniform(0, 0.5, 3) * rng.uniform(0.2, 1))
        blend(albedo, masks.lids.scaled(rng.uniform(0.15, 0.75)), shadow)
    if rng.random() < 0.25:
        multiply(albedo, masks.cheeks, np.array([0.1, -0.3, -0.25]))
    if rng.random() < 0.88:
        blend(albedo, masks.lashes.scaled(rng.uniform(0.3, 1)), np.full(3, 0.015))


def _beard(
    rng: np.random.Generator, head: Head, albedo: Array, gloss: Array, hair: NDArray
) -> None:
    masks = head.masks
    grain = head.noise.fields[rng.integers(0, 10)]
    if rng.random() < 0.25:
        beard = masks.stubble.scaled(rng.uniform(0.15, 0.5))
    else:
        beard = masks.beards[rng.integers(4)].scaled(one_of(rng, (0.4, 0.7, 0.95)))
    weight = beard.weight * (1 + np.float32(0.06) * grain[beard.where])
    beard = Spot(beard.where, np.minimum(weight, np.float32(1)))
    white = np.array([0.5, 0.48, 0.45])
    blend(albedo, beard, white if rng.random() < 0.12 else hair * 1.3)
    fade(gloss, beard)
