"""The head of one person as a coloured surface, in linear light.

Eyes, teeth, gums and tongue have the model's colours, darkened where the light does not reach them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import kernel
from ....geometry.segments import Segment
from ..colours import cloth_colour
from ..filters import to_linear
from ..head import Head
from ..masks import sigmoid
from ..shapes import Spot, blend, fade
from ..surface import Surface
from .person import PersonSkin

Array = NDArray[Any]

_STEPS = 4096
LINEAR = to_linear(np.arange(_STEPS + 2) / _STEPS)
"""Linear light of sRGB-coded values in [0,1] and one step more, equally spaced."""

_IVORY = np.array([0.0, -0.05, -0.2])
"""Logarithms of the colours that teeth lose as they yellow."""

_SHELTER_MM = 4.0
"""What lies this far behind the lips still gets all the light."""

_COLLAR = 0.35
_LEAST, _MOST = np.float32(0.003), np.float32(0.95)


@kernel
def _paint(
    coded: Array, where: Array, light: Array, tint: Array, table: Array, albedo: Array
) -> None:
    """albedo at the vertices `where` = linear light of coded (V,3), times light (n,), tint (3,)."""
    last = np.float32(len(table) - 2)
    for n in range(len(where)):
        v = where[n]
        for c in range(3):
            place = min(max(coded[v, c], np.float32(0)), np.float32(1)) * last
            albedo[v, c] = table[int(place + np.float32(0.5))] * tint[c] * light[n]


@kernel
def _reach(points: Array, where: Array, line: Array, reach: float, out: Array) -> None:
    """Light (n,) at depths behind the lips; line: x of the middle, half width, z in the middle and
    at the corners."""
    for n in range(len(where)):
        v = where[n]
        across = min(abs(points[v, 0] - line[0]) / line[1], np.float32(1))
        depth = line[2] + (line[3] - line[2]) * across * across - points[v, 2]
        out[n] = np.exp(-max(depth - np.float32(_SHELTER_MM), np.float32(0)) / reach)


@dataclass(frozen=True)
class PaintedFace:
    """A face while its colours are made.

    Attributes:
        points: (V,3) mm, model space.
        marks: (68,3) the landmarks `ibug68`, mm.
        coded: (V,3) albedo of the model, sRGB-coded.
        albedo: (V,3) linear light, and
        gloss: (V,): what is changed.
    """

    points: Array
    marks: Array
    coded: Array
    albedo: Array
    gloss: Array


def paint_eyes(rng: np.random.Generator, head: Head, face: PaintedFace) -> None:
    """Colour the eyes, in place: wet, and in the shade of the lids wherever they look.

    Args:
        rng: source of chance.
        head: the default head.
        face: whose colours are changed.
    """
    points, marks = face.points, face.marks
    white, dark = rng.uniform(0.5, 1.05), np.float32(rng.uniform(0.3, 0.8))
    tint = np.full(3, white, np.float32)
    for ball, lids in zip(head.masks.eyes, (marks[42:48], marks[36:42]), strict=True):
        upper, lower = lids[1:3, 1].mean(), lids[4:6, 1].mean()
        away = points[ball] - points[ball].mean(0)
        half = max(float(upper - lower) / 2, 0) + 2
        height = (points[ball, 1] - (upper + lower) / 2 + 1) / np.float32(half)
        hidden = np.minimum(height**2, 1.5) + (away[:, 0] / 17) ** 2
        wide = min(half / 6, 1)
        shade = np.clip(1.05 - dark * hidden, 0.25, 1) * (0.3 + 0.7 * wide)
        _paint(face.coded, ball, shade.astype(np.float32), tint, LINEAR, face.albedo)
        face.gloss[ball] = 0.8 if wide > 0.6 else 0.4


def paint_mouth(rng: np.random.Generator, head: Head, face: PaintedFace) -> None:
    """Colour what lies inside the mouth, in place: the further behind the lips, the darker.

    Args:
        rng: source of chance.
        head: the default head.
        face: whose colours are changed.
    """
    mouth, teeth, marks = head.masks.mouth, head.masks.teeth, face.marks
    gap = max(float(marks[62, 1] - marks[66, 1]), 0)
    reach = np.float32(rng.uniform(4, 7) + 0.4 * gap)
    right, left = marks[48], marks[54]
    line = np.array([
        (right[0] + left[0]) / 2, max(left[0] - right[0], 2) / 2,
        (marks[62, 2] + marks[66, 2]) / 2, (right[2] + left[2]) / 2,
    ], np.float32)  # fmt: skip
    light = np.empty(len(mouth), np.float32)
    _reach(face.points, mouth, line, reach, light)
    tint = np.full(3, rng.uniform(0.8, 1.1), np.float32)
    _paint(face.coded, mouth, light, tint, LINEAR, face.albedo)
    yellow = np.exp(rng.uniform(0, 1) * _IVORY) * rng.uniform(0.6, 1.15)
    face.albedo[teeth] *= (yellow / tint).astype(np.float32)
    face.gloss[teeth] = 0.5
    face.gloss[mouth] *= light


def skin_surface(
    rng: np.random.Generator, head: Head, points: Array, *, skin: PersonSkin, roots: Spot | None,
    marks: Array,
) -> Surface:  # fmt: skip
    """The head of a person as a coloured surface; the skin's texture is `skin.painting`.

    Args:
        rng: source of chance; the same numbers give the same eyes, gloss and collar.
        head: the default head.
        points: (V,3) positions, mm in model space.
        skin: the person's.
        roots: where hair grows on the skull; None without hair.
        marks: (68,3) the landmarks `ibug68` of this face.
    """
    masks = head.masks
    albedo = np.empty_like(skin.coded)
    _colour(skin.coded, skin.tint, LINEAR, albedo)
    if skin.lift is not None:
        albedo *= skin.lift
    skin.make_up.put_on(head, albedo)
    gloss = np.float32(rng.uniform(0, 0.18)) * skin.shiny
    kinds = head.kinds.copy()
    if roots is not None:
        blend(albedo, Spot(roots.where, roots.weight * masks.skin[roots.where]), skin.hair)
        fade(gloss, roots)
        _classify(kinds, head, roots, Segment.HAIR)
    occlusion = head.occlusion ** np.float32(rng.uniform(0.3, 1.6))
    painted = PaintedFace(points, marks, skin.coded, albedo, gloss)
    paint_eyes(rng, head, painted)
    paint_mouth(rng, head, painted)
    if roots is not None and rng.random() < _COLLAR:
        height = np.float32(rng.uniform(92, 155))
        collar = Spot.of(sigmoid((masks.neck - height) / 2) * masks.skin)
        blend(albedo, collar, cloth_colour(rng))
        fade(gloss, collar)
        _classify(kinds, head, collar, Segment.CLOTHES)
    np.minimum(np.maximum(albedo, _LEAST, out=albedo), _MOST, out=albedo)
    return Surface(points, head.faces, albedo, gloss, occlusion, kinds=kinds)


def _classify(kinds: Array, head: Head, spot: Spot, kind: Segment) -> None:
    """Give the skin that a spot covers by more than half another class, in place."""
    covered = spot.where[spot.weight > 0.5]
    kinds[covered[head.masks.skin[covered] > 0.5]] = int(kind)


@kernel
def _colour(coded: Array, tint: Array, table: Array, out: Array) -> None:
    """out = tint (3,) times the linear light of coded (V,3)."""
    zero, one, steps = np.float32(0), np.float32(1), np.float32(len(table) - 2)
    for v in range(len(coded)):
        for c in range(3):
            place = min(max(coded[v, c], zero), one) * steps
            low = int(place)
            light = table[low] + (place - low) * (table[low + 1] - table[low])
            out[v, c] = tint[c] * light
