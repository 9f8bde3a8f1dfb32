"""Eyes and the inside of the mouth: what is seen of them, and the rest in the same tone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..segment.evidence import EYE, GLASSES, MOUTH, SKIN, TEETH
from .atlas import Atlas, Part
from .look import Look
from .skin import smoothstep

Floats = NDArray[np.float32]

_FACING = (0.1, 0.35)  # cosine to the viewer: from not used to fully trusted
_SURE = (0.15, 0.5)  # evidence: from not used to fully trusted; what is small is never sure
_COVERED = (0.4, 0.8)  # likewise of what lies before an eye
_SQUINT = (0.25, 0.5)  # share of an eye's front that shows an eye: from squinting to open
_LEAST = 12.0  # texels' worth of weight, to know a tone
_PIXELS = 2.0  # likewise, of the evidence's maps
_TONES = (0.3, 2.2)  # brightness of what is seen over what the model says


@dataclass(frozen=True)
class _Kind:
    """How one part is completed.

    Attributes:
        channels: of the evidence that may be carried over.
        tone: the channel whose mean colour in the photograph is that of this part, or None.
        usual: brightness over the model's colours in open light where nothing is seen.
        tint: how far its colour may be from grey, relative, beside the model's own.
    """

    channels: tuple[int, ...]
    tone: int | None
    usual: float
    tint: float


_KINDS = {
    Part.EYE: _Kind((EYE,), None, 1.0, 0.1),
    Part.TEETH: _Kind((TEETH, MOUTH), TEETH, 0.8, 0.12),
    Part.MOUTH: _Kind((TEETH, MOUTH), None, 0.5, 0.3),
}


def fill_inner(
    atlas: Atlas, seen: Look, image: Floats, weight: Floats, keep_glasses: bool = True
) -> None:
    """Carry over what shows of eyes, teeth, gums and tongue, and complete them, in place.

    What is not seen has the model's colours, as bright as what is seen and with little of its
    tint: skin at the border of an eye must not colour the eyeball.

    Args:
        atlas, seen: of the texture.
        image: (S,S,3) the texture. weight: (S,S) how far it is the photograph.
        keep_glasses: eyes show what is before them, such as dark lenses.
    """
    for part, kind in _KINDS.items():
        own = (atlas.part == part) & atlas.mask
        if not own.any():
            continue
        shown = seen.shown[own][:, list(kind.channels)].sum(1)
        if part == Part.EYE:
            shown = shown + _before_eyes(seen, own, keep_glasses)
        sure = smoothstep(shown, *_SURE)
        carried = sure * smoothstep(seen.facing[own], *_FACING)
        sampled, fitted = _tempered(seen.sampled[own], kind), seen.fitted[own]
        rest = _tempered(fitted, kind) * _tone(seen, kind, own, carried)
        image[own] = rest + carried[:, None] * (sampled - rest)
        weight[own] = carried


def _before_eyes(seen: Look, own: NDArray[np.bool_], keep_glasses: bool) -> Floats:
    """How likely what lies before eyes (N,) is to be painted on them: dark lenses, lids of squints.

    Of an eye that the photograph shows open, lids that slip over its border are none of its colour;
    where hardly any of it shows, the model's lids are too far apart, and its white would glow.
    """
    lenses = seen.shown[..., GLASSES] * np.float32(keep_glasses)
    found, lids = smoothstep(lenses, *_COVERED), smoothstep(seen.shown[..., SKIN], *_COVERED)
    middle = own.shape[1] // 2
    for side in (slice(0, middle), slice(middle, None)):
        front = seen.facing[:, side] * own[:, side]
        open_ = (front * seen.shown[:, side, EYE]).sum() / max(float(front.sum()), 1e-6)
        squint = 1 - smoothstep(open_, *_SQUINT)
        found[:, side] += squint * lids[:, side]
    return np.asarray(found[own], np.float32)


def _tone(seen: Look, kind: _Kind, own: NDArray[np.bool_], carried: Floats) -> Floats:
    """What is seen over what the model says there, (3,)."""
    model = _tempered(seen.fitted[own], kind)
    front = seen.facing[own] > 0
    if kind.tone is not None and seen.amounts[kind.tone] > _PIXELS and front.any():
        return _limited(seen.colours[kind.tone] / model[front].mean(0), kind)
    if float(carried.sum()) < _LEAST:
        return np.full(3, kind.usual, np.float32)
    weight = carried[:, None] / carried.sum()
    return _limited((seen.sampled[own] * weight).sum(0) / (model * weight).sum(0), kind)


def _tempered(colours: Floats, kind: _Kind) -> Floats:
    """Teeth (N,3) without the tint that modes of skin and coloured light give them."""
    if kind.tone is None:
        return colours
    grey = colours.mean(1, keepdims=True)
    return np.clip(colours, grey * (1 - kind.tint), grey * (1 + kind.tint))


def _limited(tone: Floats, kind: _Kind) -> Floats:
    bright = np.clip(tone.mean(), *_TONES)
    tint = np.clip(tone / max(float(tone.mean()), 1e-6), 1 - kind.tint, 1 + kind.tint)
    return np.asarray(bright * tint / tint.mean(), np.float32)
