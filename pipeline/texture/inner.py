"""Eyes and the inside of the mouth: what is seen of them, and the rest in the same tone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..segment.evidence import CHANNELS, EYE, GLASSES, MOUTH, SKIN, TEETH
from .atlas import Atlas, Part
from .look import Look
from .skin import smoothstep

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

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
    sides = seen.sampled, seen.fitted, image
    photo, model, result = (colours.reshape(-1, 3) for colours in sides)
    for part, kind in _KINDS.items():
        own = atlas.inner[part]
        if not len(own):
            continue
        told, facing = seen.shown.reshape(-1, CHANNELS)[own], seen.facing.reshape(-1)[own]
        shown = told[:, list(kind.channels)].sum(1)
        if part == Part.EYE:
            left = own % atlas.size < atlas.size // 2
            shown = shown + _before_eyes(told, facing, left, keep_glasses)
        carried = smoothstep(shown, *_SURE) * smoothstep(facing, *_FACING)
        sampled, fitted = photo[own], _tempered(model[own], kind)
        rest = fitted * _tone(seen, kind, _Texels(sampled, fitted, facing > 0, carried))
        result[own] = rest + carried[:, None] * (_tempered(sampled, kind) - rest)
        weight.reshape(-1)[own] = carried


def _before_eyes(shown: Floats, facing: Floats, left: Bools, keep_glasses: bool) -> Floats:
    """How likely what lies before eyes (N,) is to be painted on them: dark lenses, lids of squints.

    Of an eye that the photograph shows open, lids that slip over its border are none of its colour;
    where hardly any of it shows, the model's lids are too far apart, and its white would glow.

    Args:
        shown: (N,7) evidence. facing: (N,). left: (N,) whose eye a texel is.
        keep_glasses: dark lenses count.
    """
    lenses = shown[:, GLASSES] * np.float32(keep_glasses)
    found, lids = smoothstep(lenses, *_COVERED), smoothstep(shown[:, SKIN], *_COVERED)
    for side in (left, ~left):
        front = facing[side]
        open_ = (front * shown[side, EYE]).sum() / max(float(front.sum()), 1e-6)
        squint = 1 - smoothstep(open_, *_SQUINT)
        found[side] += squint * lids[side]
    return np.asarray(found, np.float32)


@dataclass(frozen=True)
class _Texels:
    """One part's texels (N,).

    Attributes:
        sampled, fitted: (N,3) the photograph, and the model as `_tempered`.
        front: those that it shows. carried: how far they are the photograph's.
    """

    sampled: Floats
    fitted: Floats
    front: Bools
    carried: Floats


def _tone(seen: Look, kind: _Kind, own: _Texels) -> Floats:
    """What is seen over what the model says there, (3,)."""
    if kind.tone is not None and seen.amounts[kind.tone] > _PIXELS and own.front.any():
        return _limited(seen.colours[kind.tone] / own.fitted[own.front].mean(0), kind)
    total = float(own.carried.sum())
    if total < _LEAST:
        return np.full(3, kind.usual, np.float32)
    weight = own.carried / np.float32(total)
    tone = (weight @ own.sampled) / (weight @ own.fitted)
    return _limited(np.asarray(tone, np.float32), kind)


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
