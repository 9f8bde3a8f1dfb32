"""The colours of one person's head, painted from pigments, hair and the masks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..layout import CAVITY, EYE
from .hm08 import Array
from .inner_colours import (
    EyeColours,
    InnerMasks,
    blend,
    eye_colour,
    hair_colour,
    lid_lining,
    mouth_colour,
    paint_inner_masks,
    skin_colour,
    to_srgb,
)
from .masks import SkinMasks, paint_masks
from .surface import Surface

_HOLLOW = np.array([1.0, 1.3, 1.35])  # optical density: dark hollows are red


@dataclass(frozen=True)
class Person:
    """What differs between people's colours; the defaults are the median.

    Attributes:
        tone: N(0.2,1) over people, from the lightest (-2) to the darkest skin (3).
        blood, yellow: the skin's undertone, see `skin_colour`.
        melanin_patches, blood_patches: (V,) relative changes, or 0.
        cheeks, nose, ears: more blood there; sockets, lids: more of both pigments there.
        lip_blood, lip_melanin, lower_lip: more there; the last one blood of the lower lip.
        brow_cover, brow_width, brow_lift: share covered, mm and mm of `Brows.density`.
        brow_hair, scalp_hair: melanin of the hair beyond what goes with the tone.
        lashes, beard, scalp: shares covered; hairline: mm by which it is higher.
        beard_shape: more on the chin and above the lip (positive) or on the cheeks.
        eyes: colours of the eyes.
    """

    tone: float = 0.2
    blood: float = 0.50
    yellow: float = 0.0
    melanin_patches: Array | float = 0.0
    blood_patches: Array | float = 0.0
    cheeks: float = 0.26
    nose: float = 0.24
    ears: float = 0.24
    sockets: float = 0.22
    lids: float = 0.10
    lip_blood: float = 1.65
    lip_melanin: float = 0.0
    lower_lip: float = 0.0
    brow_cover: float = 0.84
    brow_width: float = 3.9
    brow_lift: float = 0.0
    brow_hair: float = 0.0
    lashes: float = 0.65
    beard: float = 0.07
    beard_shape: float = 0.0
    scalp: float = 0.24
    hairline: float = 0.0
    scalp_hair: float = 0.0
    eyes: EyeColours = field(default_factory=EyeColours)


@dataclass(frozen=True)
class Canvas:
    """The mean head to paint on, V vertices."""

    surface: Surface
    masks: SkinMasks
    inner: InnerMasks

    @staticmethod
    def of(surface: Surface, open_sky: Array) -> Canvas:
        """`open_sky` (V,) is the ambient occlusion, 1 in the open."""
        return Canvas(surface, paint_masks(surface, open_sky), paint_inner_masks(surface))


def melanin_of(tone: float) -> float:
    """Melanin at which bare skin has L* = 61 - 11 tone."""
    return max(0.652 * float(np.exp(0.5 * tone)) - 0.266, 0.0)


def paint(canvas: Canvas, person: Person) -> NDArray[np.float32]:
    """Colours (V,3), sRGB-coded, of the whole head."""
    surface, tag = canvas.surface, canvas.surface.tag
    colour = _skin(canvas, person)
    lips = colour[canvas.masks.lips > 0.9].mean(0)
    colour = _hollowed(canvas, _hairy(canvas, person, colour))
    inside, ball = canvas.inner.inside, tag == EYE
    colour[inside] = mouth_colour(surface, canvas.inner, lips)[inside]
    colour[ball] = eye_colour(canvas.inner, person.eyes, person.tone)[ball]
    colour[tag == CAVITY] = 0.35 * lid_lining() + 0.5 * colour[tag == CAVITY]
    return to_srgb(colour).astype(np.float32)


def _skin(c: Canvas, p: Person) -> Array:
    """Linear colour (V,3) of the bare skin."""
    m, base = c.masks, melanin_of(p.tone)
    shown = np.exp(-0.35 * base)  # blood under dark skin changes its colour less
    melanin = base * (1 + 0.5 * p.melanin_patches + 0.16 * m.forehead - 0.06 * m.cheeks)
    melanin = melanin + 0.06 * p.melanin_patches
    melanin += (0.10 + 0.35 * base) * (p.sockets * m.sockets + p.lids * m.upper_lids)
    melanin += (0.06 + 0.15 * base - 0.12 * base * m.lower_lip + 0.5 * p.lip_melanin) * m.lips
    blood = p.blood * (1 + p.blood_patches) + p.cheeks * m.cheeks + p.nose * m.nose
    blood = blood + p.ears * m.ears + 0.15 * m.chin + 0.5 * p.sockets * m.sockets
    blood = blood + 0.7 * m.rims + 0.8 * m.caruncles
    lips = p.lip_blood * (0.35 + 0.65 * shown) + p.lower_lip * (m.lower_lip - 0.5)
    blood = blood + lips * m.lips
    yellow = p.yellow + 0.10 * m.forehead - 0.25 * m.sockets - 0.2 * m.lips
    return skin_colour(melanin, blood, yellow)


def _hairy(c: Canvas, p: Person, skin: Array) -> Array:
    """The skin under brows, beard, cropped hair and lashes."""
    m = c.masks
    own = 2.6 + 0.5 * p.tone
    chin = np.clip(m.chin * 2, 0, 1)
    where = m.beard * np.clip(1 + p.beard_shape * (chin - 0.5), 0, 2)
    colour = blend(skin, hair_colour(own + p.scalp_hair), p.scalp * m.scalp.cover(p.hairline))
    colour = blend(colour, hair_colour(own + 0.7), p.beard * where)
    brows = p.brow_cover * c.masks.brows.density(p.brow_lift, p.brow_width) * m.skin
    colour = blend(colour, hair_colour(own + p.brow_hair), brows)
    lashes = p.lashes * np.maximum(m.upper_lashes, 0.42 * m.lower_lashes)
    return blend(colour, hair_colour(max(own, 2.6)), lashes)


def _hollowed(c: Canvas, colour: Array) -> Array:
    """Darker in nostrils, ear canals and where the lips meet."""
    m = c.masks
    dark = 1.7 * m.nostrils + 0.6 * m.ear_canals + 0.6 * m.mouth_slit + 0.3 * m.mouth_corners
    return colour * np.exp(-dark[:, None] * _HOLLOW)
