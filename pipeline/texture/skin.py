"""The skin of a texture: carried over where it is seen, its tone and grain continued elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..segment.evidence import BEARD, EYE, GLASSES, HAIR, MOUTH, SKIN, TEETH
from .atlas import Atlas, Part
from .fill import retreated, spread
from .look import Look

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
_COARSE = 0.03  # size of what counts as coarse, as a part of the texture's side


def fill_skin(atlas: Atlas, seen: Look, keep_glasses: bool) -> tuple[Floats, Floats]:
    """A texture of skin (S,S,3), over all texels, and how far it is the photograph (S,S).

    Args:
        atlas, seen: of the texture. keep_glasses: carry them over as well.
    """
    own = (atlas.part == Part.SKIN) & atlas.mask
    # Islands of other parts must not make the skin's border retreat: they count as known.
    bare = seen.shown[..., SKIN] + seen.shown[..., BEARD]
    if seen.segmented:
        # Eyes and teeth are small and segmented softly: a hint of them at lids and lips will do.
        inner = seen.shown[..., EYE] + seen.shown[..., TEETH] + seen.shown[..., MOUTH]
        bare = bare * (1 - smoothstep(inner, *_HINT))
    edge = _EDGE * atlas.size
    front = smoothstep(seen.facing, *_FRONT) * smoothstep(bare, *_SURE)
    known = retreated(np.where(own, front, ~own), edge) * own
    difference = seen.sampled - seen.fitted
    usual = _usual(difference, known)
    known = known * _plausible(difference, usual)
    filled = _completed(atlas, difference, known, usual, own)
    features = _features(atlas, seen, keep_glasses) if seen.segmented else 0.0
    features = atlas.features * features
    shown = bare + seen.shown[..., GLASSES] if keep_glasses else bare
    rest = smoothstep(seen.facing, *_FACING) * smoothstep(shown, *_SURE)
    pasted = np.where(own, np.maximum(features, rest), ~own)
    pasted = retreated(np.asarray(pasted, np.float32), _SEAM * atlas.size) * own
    weight = pasted[..., None]
    return seen.fitted + filled + weight * (difference - filled), pasted


def _features(atlas: Atlas, seen: Look, keep_glasses: bool) -> Floats:
    """How far what is seen is carried over on brows, lids, nose and lips (S,S).

    They are small, and segmented softly: whatever is face there is theirs, and dark brows that are
    taken for hair, but no teeth on lips and no eyes on lids.
    """
    shown = seen.shown
    inside = shown[..., TEETH] + shown[..., MOUTH]
    face = shown[..., SKIN] + shown[..., BEARD] + shown[..., EYE] + inside
    face = face + atlas.brows * shown[..., HAIR]
    if keep_glasses:
        face = face + shown[..., GLASSES]
    clear = 1 - smoothstep(inside, *_INSIDE)
    clear = clear * (1 - smoothstep(shown[..., EYE], *_EYEBALL))
    return smoothstep(seen.facing, *_FEATURES) * smoothstep(face, *_SHOWN) * clear


def _usual(difference: Floats, known: Floats) -> Floats:
    """The middle difference (3,) of the skin that is known for sure; nothing without any."""
    sure = difference[known > _MOST][::_STRIDE]
    return np.median(sure, axis=0) if len(sure) else np.zeros(3, np.float32)


def _plausible(difference: Floats, usual: Floats) -> Floats:
    """A weight (S,S) by how near differences are to the face's usual one (Geman and McClure)."""
    away = np.square(difference - usual).sum(2)
    return np.asarray(np.square(_ODD**2 / (away + _ODD**2)), np.float32)


def _completed(
    atlas: Atlas, difference: Floats, known: Floats, usual: Floats, own: NDArray[np.bool_]
) -> Floats:
    """The difference (S,S,3) where it is known only with a weight (S,S) below 1."""
    reach, radius = _REACH * atlas.size, _COARSE * atlas.size
    coarse = spread(difference, known, usual, reach, own, radius)
    if atlas.twin is None or atlas.seam is None:
        return coarse
    fine = (difference - coarse) * known[..., None]
    twin = atlas.twin.reshape(-1)
    other = coarse.reshape(-1, 3)[twin].reshape(coarse.shape)
    fine = fine.reshape(-1, 3)[twin].reshape(fine.shape)
    return coarse + atlas.seam[..., None] / 2 * (other - coarse) + fine


def smoothstep(x: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
