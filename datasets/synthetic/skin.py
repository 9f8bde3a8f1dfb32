"""The head of one person as a coloured surface, in linear light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...geometry.segments import Segment
from ...render.cpu.jit import kernel
from .colours import cloth_colour
from .head import Head
from .inside import LINEAR, paint_eyes, paint_mouth
from .masks import sigmoid
from .skin_person import PersonSkin
from .spots import Spot, blend, fade
from .surface import Surface

Array = NDArray[Any]
_COLLAR = 0.35
_LEAST, _MOST = np.float32(0.003), np.float32(0.95)


def skin_surface(
    rng: np.random.Generator, head: Head, points: Array, skin: PersonSkin, roots: Spot | None,
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
    paint_eyes(rng, head, points, skin.coded, albedo, gloss, marks)
    paint_mouth(rng, head, points, skin.coded, albedo, gloss, marks)
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
