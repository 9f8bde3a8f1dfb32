"""Random skins from a melanin/haemoglobin model, compressed into symmetric PCA modes in sRGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..parts import CAVITY, EYE, FACE, MOUTH
from .hm08 import Array, Index
from .occlusion import ambient_occlusion
from .pca import symmetric_pca
from .skin_masks import SkinMasks, paint_brows, paint_masks
from .surface import MM_PER_DM, Surface

SAMPLES, SEED, MODES = 1200, 0, 40
# Linear RGB: reflectance of bloodless, unpigmented skin, and the absorption per unit of each
# pigment, chosen so that light to dark skins pass through the range of real skin colours.
_BARE_SKIN = np.array([0.80, 0.60, 0.49])
_MELANIN = np.array([0.74, 0.95, 1.10])
_BLOOD = np.array([0.08, 0.36, 0.26])


@dataclass(frozen=True)
class Albedo:
    """mean (V,3), basis (K,V,3) sRGB per standard deviation; explained (K,); occlusion (V,)."""

    mean: Array
    basis: NDArray[np.float32]
    explained: Array
    occlusion: Array


@dataclass(frozen=True)
class _Canvas:
    points: Array
    tag: NDArray[np.uint8]
    sky: Array
    lips: Array
    ears: Array
    masks: SkinMasks


def build_albedo(surface: Surface) -> Albedo:
    """1,200 random skins on the level-1 mean -> PCA of the sRGB colours.

    In linear light the modes leave the gamut and whiten the brows; in sRGB they do not.
    """
    sky = ambient_occlusion(surface.points / MM_PER_DM, surface.normals(), surface.faces)
    sky = (sky + sky[surface.mirror]) / 2
    canvas = _canvas(surface, np.clip(sky / 0.85, 0, 1))
    skins = sample_skins(canvas, SAMPLES, np.random.default_rng(SEED))
    weight = np.where(np.isin(surface.tag, (FACE, EYE)), 1.0, 0.3)
    weight = np.minimum(weight, weight[surface.mirror])
    mean, basis, explained = symmetric_pca(skins, surface.mirror, weight, MODES, _swap)
    return Albedo(mean, basis, explained, canvas.sky)


def _swap(colours: NDArray, mirror: Index) -> NDArray:
    return colours[..., mirror, :]


def _canvas(surface: Surface, sky: Array) -> _Canvas:
    masks = paint_masks(surface, sky)
    lips, ears = surface.masks["lips"], surface.masks["ears"]
    return _Canvas(surface.points, surface.tag, sky, lips, ears, masks)


def sample_skins(canvas: _Canvas, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Random sRGB colours (count,V,3)."""
    p, out = canvas.points, np.empty((count, len(canvas.points), 3), np.float32)
    patches = 0.7 * _noise(p, rng, count, 35, True) + 0.3 * _noise(p, rng, count, 35, False)
    flush = 0.6 * _noise(p, rng, count, 30, True) + 0.5 * _noise(p, rng, count, 22, False)
    fine = _noise(p, rng, count, 6, False)
    for i in range(count):
        colour = _skin(canvas, rng, patches[:, i], flush[:, i], fine[:, i])
        eyes = canvas.masks.eyes[:, None]
        out[i] = to_srgb(
            _inner_parts(canvas, colour * (1 - eyes) + _eye_colour(canvas, rng) * eyes)
        )
    return out


def _noise(
    points: Array, rng: np.random.Generator, count: int, length: float, symmetric: bool
) -> Array:
    """Smooth random fields (V,count) of unit variance by random Fourier features; length in mm."""
    frequency = rng.normal(size=(3, 80)) / length
    phase = rng.uniform(0, 2 * np.pi, 80)
    place = points * 1.0
    if symmetric:
        place[:, 0] = np.abs(place[:, 0])
    features = np.cos(place @ frequency + phase) * np.sqrt(2 / 80)
    return features @ rng.normal(size=(80, count))


def _skin(c: _Canvas, rng: np.random.Generator, patches: Array, flush: Array, fine: Array) -> Array:
    """Linear skin colour (V,3): pigments, then brows, beard, lashes, creases and occlusion."""
    m = c.masks
    tone = rng.choice(
        [rng.gamma(2.2, 0.17), rng.normal(0.75, 0.22), rng.normal(1.65, 0.4)], p=[0.45, 0.3, 0.25]
    )
    tone = float(np.clip(tone, 0.05, 2.7))
    blood_level = np.clip(rng.normal(0.5, 0.12), 0.2, 0.9)
    hair = float(np.clip(rng.normal(1.0 + 0.25 * tone, 0.35), 0.25, 1.8))
    cheek, nose, lip, socket, ear = np.clip(
        rng.normal([0.35, 0.3, 0.95, 0.32, 0.3], [0.18, 0.18, 0.35, 0.18, 0.15]), 0, None
    )
    forehead = np.clip(c.points[:, 1], 0, 60) / 100
    melanin = tone * (1 + 0.10 * patches + 0.04 * fine + 0.12 * m.sockets + 0.10 * m.upper_lids)
    melanin += 0.05 * patches + 0.35 * socket * m.sockets + 0.06 * tone * forehead
    blood = blood_level * (1 + 0.22 * flush) + cheek * m.cheeks + nose * m.nose
    blood += 0.35 * socket * m.sockets + 0.12 * m.chin + ear * c.ears
    melanin = melanin * (1 - 0.05 * c.lips)
    blood = blood + 1.15 * lip * c.lips
    log = np.log(_BARE_SKIN) - melanin[:, None] * _MELANIN - blood[:, None] * _BLOOD
    log -= _hair_density(c, rng, fine, hair)
    log -= m.lashes[:, None] * 1.5 + 0.9 * m.nostrils[:, None] * np.array([1.0, 1.5, 1.6])
    log -= 0.7 * m.mouth_slit[:, None] * np.array([0.8, 1.3, 1.3])
    return np.exp(log) * (1 - 0.42 * (1 - c.sky[:, None]))


def _hair_density(c: _Canvas, rng: np.random.Generator, fine: Array, hair: float) -> Array:
    """Optical density (V,3) of brows and beard stubble."""
    male = rng.random() < 0.5
    width = np.clip(rng.normal(3.4 if male else 2.6, 0.6), 1.4, 5.0)
    lift = rng.normal(0.0, 1.0)
    strength = np.clip(rng.normal(0.85 if male else 0.7, 0.18), 0.2, 1.2)
    stubble = np.clip(rng.normal(0.28, 0.25), 0, 1) * male
    brows = strength * paint_brows(c.points, c.masks.brow_curves, lift, float(width))
    beard = 0.5 * stubble * c.masks.beard * (1 + 0.15 * fine) * min(hair, 1.4)
    density = brows[:, None] * np.array([0.9, 1.0, 1.08]) * hair * 1.25
    return density + beard[:, None] * np.array([1.05, 0.95, 0.75])


def _eye_colour(c: _Canvas, rng: np.random.Generator) -> Array:
    """Linear colour (V,3) of eyeballs: sclera, iris with a dark rim, pupil."""
    brown = np.exp(-(0.3 + 2.9 * rng.beta(2, 1)) * np.array([0.55, 0.8, 1.1]))
    iris = brown * np.array([0.35, 0.42, 0.5]) * 0.9
    sclera = np.array([0.66, 0.60, 0.57]) * np.clip(rng.normal(1, 0.06), 0.8, 1.1)
    m = c.masks
    colour = sclera * (1 - m.iris[:, None]) + iris * m.iris[:, None]
    colour = colour * (1 - 0.93 * m.pupil[:, None]) * (1 - 0.45 * m.iris_rim[:, None])
    return colour * (0.55 + 0.45 * c.sky[:, None])


def _inner_parts(c: _Canvas, colour: Array) -> Array:
    """Mouth sock in dark red, deeper parts darker; cavities behind the lids in half the skin's."""
    mouth, cavity = c.tag == MOUTH, c.tag == CAVITY
    depth = np.clip(c.sky[mouth] * 1.6, 0.12, 1)[:, None]
    colour[mouth] = np.array([0.23, 0.06, 0.055]) * depth
    colour[cavity] *= 0.5
    return colour


def to_srgb(linear: Array) -> Array:
    """sRGB transfer curve (IEC 61966-2-1) of linear values."""
    curve = 1.055 * np.clip(linear, 1e-6, None) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)
