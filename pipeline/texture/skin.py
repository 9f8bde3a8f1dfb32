"""The skin of a texture: carried over where it is seen, its tone and grain continued elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..segment.evidence import CHANNELS
from .atlas import Atlas
from .compose import finish
from .fill import beside, retreat, spread
from .look import Look
from .skin_kernels import doubt, weigh

Floats = NDArray[np.float32]

_FACING = (0.15, 0.6)  # cosine to the viewer: from not used to fully trusted
_FEATURES = (0.08, 0.35)  # likewise on brows, lids, nose and lips, which nothing else can tell
_FRONT = (0.3, 0.7)  # likewise, to tell the tone of what is not seen
_SURE = (0.5, 0.9)  # evidence: from not used to fully trusted
_HINT = (0.12, 0.4)  # evidence of eyes or mouth: from harmless to none of the skin's
_SHOWN = (0.75, 0.95)  # evidence of a face: from not carried over to carried over
_INSIDE = (0.3, 0.7)  # evidence of teeth and mouth: from harmless to none of the lips'
_EYEBALL = (0.5, 0.9)  # likewise of eyes, and lids
_SEAM = 0.006  # softness of the seam, as a part of the texture's side
_EDGE = 0.014  # how near to its border skin is not trusted to tell its tone, likewise
_REACH = 0.6  # how far what is known is believed against the usual, likewise
_ODD = 0.25  # distance of colours from the usual at which they count a quarter
_MOST = 0.9  # weight of texels that tell what is usual
_STRIDE = 37  # every so many of them are enough for a median
_MEETS = (0.2, 0.9)  # weight of what is carried over: from not continued to fully
_BESIDE = 0.016  # how far the photograph is continued into what is completed, likewise
_COARSE = 0.03  # size of what counts as coarse, as a part of the texture's side
_LIMITS = np.array(
    (_FRONT, _SURE, _HINT, _FACING, _FEATURES, _SHOWN, _INSIDE, _EYEBALL), np.float32
)
"""In the order of `skin_kernels`."""


def fill_skin(atlas: Atlas, seen: Look, keep_glasses: bool) -> tuple[Floats, Floats]:
    """A texture of skin (S,S,3), 0 on all else, and how far it is the photograph (S,S).

    Args:
        atlas, seen: of the texture. keep_glasses: carry them over as well.
    """
    known, pasted = _weights(atlas, seen, keep_glasses)
    usual = _usual(seen, known)
    flat, sampled, fitted = known.reshape(-1), _rows(seen.sampled), _rows(seen.fitted)
    doubt(sampled, fitted, usual, _ODD, flat)
    image = seen.sampled - seen.fitted
    reach, radius = _REACH * atlas.size, _COARSE * atlas.size
    coarse = spread(image, known, usual, reach, atlas.skin, radius)
    # Beyond features a border may have a shade of hair or clothes: there it has to be known, too.
    sure = smoothstep(pasted, *_MEETS) * np.maximum(atlas.features, known)
    near = beside(image, sure, coarse, _BESIDE * atlas.size, atlas.skin)
    twin, seam = np.zeros(0, np.int64), np.zeros(0, np.float32)
    if atlas.twin is not None and atlas.seam is not None:
        twin, seam = atlas.twin.reshape(-1), atlas.seam.reshape(-1)
    weights = flat, pasted.reshape(-1), atlas.skin.reshape(-1)
    smooth = near.values, near.cell, coarse.values, coarse.cell, atlas.size
    finish(sampled, fitted, *smooth, *weights, twin, seam, _rows(image))
    return image, pasted


def _weights(atlas: Atlas, seen: Look, keep_glasses: bool) -> tuple[Floats, Floats]:
    """How far texels (S,S) tell the tone of what is not seen, and how far they are carried over.

    Islands of other parts must not make the skin's border retreat: they count as known until then.
    Eyes and teeth are small and segmented softly: a hint of them at lids and lips will do.
    """
    known, pasted = np.empty((2, atlas.size, atlas.size), np.float32)
    weigh(
        seen.shown.reshape(-1, CHANNELS), seen.facing.reshape(-1), atlas.skin.reshape(-1),
        atlas.features.reshape(-1), atlas.brows.reshape(-1), _LIMITS, seen.segmented,
        float(keep_glasses), known.reshape(-1), pasted.reshape(-1),
    )  # fmt: skip
    for weight, border in ((known, _EDGE), (pasted, _SEAM)):
        retreat(weight, border * atlas.size)
        weight *= atlas.skin
    return known, pasted


def _usual(seen: Look, known: Floats) -> Floats:
    """The middle difference (3,) of the skin that is known for sure; nothing without any."""
    sure = np.flatnonzero(known > _MOST)[::_STRIDE]
    if not len(sure):
        return np.zeros(3, np.float32)
    difference = _rows(seen.sampled)[sure] - _rows(seen.fitted)[sure]
    return np.asarray(np.median(difference, axis=0), np.float32)


def _rows(image: Floats) -> Floats:
    return image.reshape(-1, image.shape[-1])


def smoothstep(x: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
