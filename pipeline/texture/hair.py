"""Hair on a head's texture: carried over where it is seen, completed over the scalp elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..segment.evidence import CHANNELS, HAIR
from .atlas import Atlas
from .compose import contrast, lay
from .fill import Coarse, extend, retreat, spread
from .hair_kernels import cover, hear, mix, sure_of
from .look import Look
from .skin import smoothstep

Floats = NDArray[np.float32]

_FACING = (0.1, 0.4)  # cosine to the viewer: from not used to fully trusted
_KNOWN = (0.3, 0.7)  # evidence for hair or skin together: from not heard to fully heard
_BORDER = (0.35, 0.65)  # chance of hair: from skin to hair
_STEEP = 0.7  # times as steep is that border where nobody saw it
_SURE = (0.6, 0.95)  # chance of hair: from silent to heard about its colour
_REACH = 0.06  # how far what is seen is believed against what is usual, as a part of the side
_GROWN = (0.08, 0.3)  # share of the scalp's seen part that bears hair: from bald to a full head
_LEAST = 0.002  # share of the texture that must show hair to know its colour
_PIXELS = 20.0  # likewise, of the evidence's maps
_STRIDE = 37  # every so many texels are enough for a median
_DARK = 0.3  # brightness of hair that is not seen, over that of the skin there
_SEAM = 0.006  # softness of the photograph's border within hair, as a part of the side
_COARSE = 0.02  # size of what counts as coarse in hair, as a part of the side
_CONTRAST = (0.015, 0.09)  # of the strands that are made up
_LIMITS = np.array((_FACING, _KNOWN, _BORDER, _SURE), np.float32)
"""In the order of `hair_kernels`."""


def put_hair(atlas: Atlas, seen: Look, image: Floats, weight: Floats) -> None:
    """Lay hair over a texture of skin.

    Where hair grows is the photograph's word where it is seen, else what is usual for a head, as
    far as this one's scalp shows hair where it is seen: bald heads stay bald.

    Args:
        atlas, seen: of the texture.
        image: (S,S,3) skin, changed in place. weight: (S,S) how far it is the photograph, too.
    """
    own, square = atlas.skin.reshape(-1), (atlas.size, atlas.size)
    hair, heard, carried, covered = np.empty((4, atlas.size**2), np.float32)
    shown, facing = seen.shown.reshape(-1, CHANNELS), seen.facing.reshape(-1)
    scalp = atlas.scalp.reshape(-1)
    looked, hairy = hear(shown, facing, own, scalp, _LIMITS, hair, heard, carried)
    grown = hairy / looked if looked >= _LEAST * atlas.size**2 else 1.0  # if hardly any is seen
    chance = _chance(atlas, hair, heard, float(smoothstep(np.asarray(grown, np.float32), *_GROWN)))
    if not cover(chance, heard, atlas.hairy.reshape(-1), own, _STEEP, _LIMITS, covered) > 0:
        return
    retreat(carried.reshape(square), _SEAM * atlas.size)
    colour, depth = _colour(atlas, seen, hair, carried, image)
    sampled, strands = seen.sampled.reshape(-1, 3), atlas.strands.reshape(-1)
    tones = colour.values, colour.cell, atlas.size, strands, depth
    lay(sampled, *tones, covered, carried, image.reshape(-1, 3), weight.reshape(-1))


def _chance(atlas: Atlas, hair: Floats, heard: Floats, grown: float) -> Floats:
    """The chance of hair (T,), continued to where it is not seen.

    As on the head's other side, else as on most heads, lowered by how hairy this one is.
    """
    size = atlas.size
    mixed, weight = np.empty((2, size * size), np.float32)
    twin = np.zeros(0, np.int64) if atlas.twin is None else atlas.twin.reshape(-1)
    scalp, own, prior = atlas.scalp.reshape(-1), atlas.skin.reshape(-1), (_REACH * size) ** -2
    mix(hair, heard, scalp, twin, grown, prior, own, mixed, weight)
    return extend(mixed.reshape(size, size, 1), weight.reshape(size, size)).reshape(-1)


def _colour(
    atlas: Atlas, seen: Look, hair: Floats, carried: Floats, image: Floats
) -> tuple[Coarse, float]:
    """The colours of hair that is not seen, those of the hair nearby; and their contrast.

    Args:
        atlas, seen: of the texture. hair, carried: (T,) the chance of hair and how far it is the
            photograph's. image: (S,S,3) the skin, which is darkened where no hair is known.
    """
    sure = np.empty_like(carried)
    total, most = sure_of(carried, hair, _LIMITS, sure)
    least = _LEAST * atlas.size**2
    if total < least and seen.amounts[HAIR] < _PIXELS:
        return Coarse(image * np.float32(_DARK), 1), _CONTRAST[0]
    usual = seen.colours[HAIR] if total < least else _median(seen.sampled, sure, most)
    reach, radius = _REACH * atlas.size, _COARSE * atlas.size
    square = sure.reshape(atlas.size, atlas.size)
    known = seen.sampled, square, usual.astype(np.float32)
    coarse = spread(*known, reach, atlas.mask, radius)
    if total < least:
        return coarse, _CONTRAST[0]
    smooth = coarse.values, coarse.cell, atlas.size
    level, ragged = contrast(seen.sampled.reshape(-1, 3), *smooth, sure)
    return coarse, float(np.clip(np.sqrt(ragged / total) / max(level / total, 1e-3), *_CONTRAST))


def _median(colours: Floats, weight: Floats, most: float) -> Floats:
    """The middle colour (3,) of those (S,S,3) that count at least half as much as the first."""
    chosen = np.flatnonzero(weight > most / 2)[::_STRIDE]
    return np.asarray(np.median(colours.reshape(-1, 3)[chosen], axis=0), np.float32)
