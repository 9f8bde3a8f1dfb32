"""Hair on a head's texture: carried over where it is seen, completed over the scalp elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..segment.evidence import BEARD, HAIR, SKIN
from .atlas import Atlas, Part
from .fill import continued, retreated, spread
from .look import Look
from .skin import smoothstep

Floats = NDArray[np.float32]

_FACING = (0.1, 0.4)  # cosine to the viewer: from not used to fully trusted
_KNOWN = (0.3, 0.7)  # evidence for hair or skin together: from not heard to fully heard
_BORDER = (0.35, 0.65)  # chance of hair: from skin to hair
_SHARP = 3.0  # times narrower is that border where nobody saw it
_SURE = (0.6, 0.95)  # chance of hair: from silent to heard about its colour
_REACH = 0.06  # how far what is seen is believed against what is usual, as a part of the side
_GROWN = (0.08, 0.3)  # share of the scalp's seen part that bears hair: from bald to a full head
_LEAST = 0.002  # share of the texture that must show hair to know its colour
_PIXELS = 20.0  # likewise, of the evidence's maps
_STRIDE = 37  # every so many texels are enough for a median
_SCALP = 0.5
_DARK = 0.3  # brightness of hair that is not seen, over that of the skin there
_SEAM = 0.006  # softness of the photograph's border within hair, as a part of the side
_COARSE = 0.02  # size of what counts as coarse in hair, as a part of the side
_CONTRAST = (0.015, 0.09)  # of the strands that are made up


def put_hair(atlas: Atlas, seen: Look, image: Floats, weight: Floats) -> None:
    """Lay hair over a texture of skin.

    Where hair grows is the photograph's word where it is seen, else what is usual for a head, as
    far as this one's scalp shows hair where it is seen: bald heads stay bald.

    Args:
        atlas, seen: of the texture.
        image: (S,S,3) skin, changed in place. weight: (S,S) how far it is the photograph, too.
    """
    own = (atlas.part == Part.SKIN) & atlas.mask
    hair = seen.shown[..., HAIR]
    heard = smoothstep(hair + seen.shown[..., SKIN] + seen.shown[..., BEARD], *_KNOWN)
    heard = heard * smoothstep(seen.facing, *_FACING) * own
    usual = _usual(atlas, hair, heard) * smoothstep(_hairiness(atlas, hair, heard), *_GROWN)
    reach = _REACH * atlas.size
    chance = continued(hair[..., None], heard, usual[..., None], reach, own)[..., 0]
    chance = 0.5 + (chance - 0.5) * (1 + (_SHARP - 1) * (1 - heard))
    cover = smoothstep(chance, *_BORDER) * own * atlas.hairy
    if not cover.any():
        return
    carried = retreated(heard * smoothstep(hair, *_BORDER), _SEAM * atlas.size)
    colour = _colour(atlas, seen, carried * smoothstep(hair, *_SURE), image)
    layer = colour + carried[..., None] * (seen.sampled - colour)
    image += cover[..., None] * (layer - image)
    weight += cover * (carried - weight)


def _hairiness(atlas: Atlas, hair: Floats, heard: Floats) -> Floats:
    """How much of the scalp that is seen bears hair; all of it if hardly any is seen."""
    looked = heard * (atlas.scalp > _SCALP)
    total = float(looked.sum())
    if total < _LEAST * atlas.size**2:
        return np.ones((), np.float32)
    return np.asarray((looked * hair).sum() / total, np.float32)


def _usual(atlas: Atlas, hair: Floats, heard: Floats) -> Floats:
    """Where hair grows (S,S) on a head with hair: as on its other side, else as on most heads."""
    if atlas.twin is None:
        return atlas.scalp
    twin = atlas.twin.reshape(-1)
    other = heard.reshape(-1)[twin].reshape(heard.shape)
    there = hair.reshape(-1)[twin].reshape(hair.shape)
    return np.asarray(atlas.scalp + other * (there - atlas.scalp), np.float32)


def _colour(atlas: Atlas, seen: Look, sure: Floats, image: Floats) -> Floats:
    """The colours (S,S,3) of hair that is not seen: those of the hair nearby, with strands."""
    total, least = float(sure.sum()), _LEAST * atlas.size**2
    contrast = np.float32(_CONTRAST[0])
    if total < least and seen.amounts[HAIR] < _PIXELS:
        return np.asarray(image * _DARK * (1 + contrast * atlas.strands[..., None]), np.float32)
    usual = seen.colours[HAIR] if total < least else _median(seen.sampled, sure)
    reach, radius = _REACH * atlas.size, _COARSE * atlas.size
    coarse = spread(seen.sampled, sure, usual.astype(np.float32), reach, atlas.mask, radius)
    if total >= least:
        fine = (seen.sampled - coarse).mean(2)
        level = float((coarse.mean(2) * sure).sum() / total)
        ragged = float(np.sqrt((fine**2 * sure).sum() / total)) / max(level, 1e-3)
        contrast = np.clip(ragged, *_CONTRAST)
    return np.asarray(coarse * (1 + contrast * atlas.strands[..., None]), np.float32)


def _median(colours: Floats, weight: Floats) -> Floats:
    """The middle colour (3,) of those (S,S,3) that count at least half as much as the first."""
    return np.asarray(np.median(colours[weight > weight.max() / 2][::_STRIDE], axis=0), np.float32)
