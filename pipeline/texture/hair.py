"""Hair on a head's texture: carried over where it is seen, completed over the scalp elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .atlas import Atlas, Part
from .evidence import BEARD, HAIR, SKIN
from .fill import extend, retreated, smoothed
from .look import Look
from .skin import smoothstep

Floats = NDArray[np.float32]

_FACING = (0.1, 0.4)  # cosine to the viewer: from not used to fully trusted
_KNOWN = (0.3, 0.7)  # evidence for hair or skin together: from not heard to fully heard
_BORDER = (0.35, 0.65)  # chance of hair: from skin to hair
_REACH = 0.06  # how far what is seen is believed against what is usual, as a part of the side
_GROWN = (0.08, 0.3)  # share of the scalp's seen part that bears hair: from bald to a full head
_LEAST = 0.002  # share of the texture that must show hair to know its colour
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
    usual = atlas.scalp * smoothstep(_hairiness(atlas, hair, heard), *_GROWN)
    chance = _chance(atlas, hair, heard, usual, own)
    cover = smoothstep(chance, *_BORDER) * own * atlas.hairy
    if not cover.any():
        return
    carried = retreated(heard * smoothstep(hair, *_BORDER), _SEAM * atlas.size)
    colour = _colour(atlas, seen, carried, image)
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


def _chance(
    atlas: Atlas, hair: Floats, heard: Floats, usual: Floats, own: NDArray[np.bool_]
) -> Floats:
    """The chance of hair (S,S), continued from where it was seen towards what is usual."""
    # In `extend` weights grow fourfold when distances double: this one is 1 at the reach.
    prior = (_REACH * atlas.size) ** -2
    weight = np.where(own, heard + prior, 0).astype(np.float32)
    mixed = (hair * heard + usual * prior) / np.maximum(weight, 1e-9)
    return extend(np.ascontiguousarray(mixed[..., None], np.float32), weight)[..., 0]


def _colour(atlas: Atlas, seen: Look, carried: Floats, image: Floats) -> Floats:
    """The colours (S,S,3) of hair that is not seen: those of the hair nearby, with strands."""
    if float(carried.sum()) < _LEAST * atlas.size**2:
        return np.asarray(image * _DARK * (1 + _CONTRAST[0] * atlas.strands[..., None]), np.float32)
    coarse = smoothed(extend(seen.sampled, carried), _COARSE * atlas.size)
    fine = (seen.sampled - coarse).mean(2)
    level = float((coarse.mean(2) * carried).sum() / carried.sum())
    spread = float(np.sqrt((fine**2 * carried).sum() / carried.sum())) / max(level, 1e-3)
    contrast = np.clip(spread, *_CONTRAST)
    return np.asarray(coarse * (1 + contrast * atlas.strands[..., None]), np.float32)
