"""Eyes and the inside of the mouth: what is seen of them, and the rest in the same tone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .atlas import Atlas, Part
from .evidence import EYE, MOUTH
from .fill import extend
from .look import Look
from .skin import smoothstep

Floats = NDArray[np.float32]

_FACING = (0.1, 0.35)  # cosine to the viewer: from not used to fully trusted
_SURE = (0.4, 0.8)  # evidence: from not used to fully trusted
_LEAST = 12.0  # texels' worth of weight, to know a tone
_TONE_WEIGHT = 1e-3  # of a part's mean tone against what is seen nearby
_TONES = (0.35, 1.5)  # of what is seen over what the model says
_DEEP = {Part.TEETH: 0.8, Part.MOUTH: 0.55}
"""How bright what is not seen within the mouth is, over the model's colours in open light."""


def fill_eyes(atlas: Atlas, seen: Look, image: Floats, weight: Floats) -> None:
    """Carry over what shows of the eyes, and continue its tone round the eyeballs, in place."""
    own = (atlas.part == Part.EYE) & atlas.mask
    if not own.any():
        return
    carried = _carried(seen, EYE, own)
    tone = _tone(seen, carried, own)
    rest = seen.fitted * tone
    ratio = np.where(own, carried, 0)[..., None] * (seen.sampled - rest)
    near = extend(_safe(ratio, carried), np.where(own, carried + _TONE_WEIGHT, 0))
    _put(own, carried, seen.sampled, rest + near, image, weight)


def fill_mouth(atlas: Atlas, seen: Look, image: Floats, weight: Floats) -> None:
    """Carry over what shows of teeth, gums and tongue; the rest is as bright as what shows."""
    for part, deep in _DEEP.items():
        own = (atlas.part == part) & atlas.mask
        if own.any():
            carried = _carried(seen, MOUTH, own)
            rest = seen.fitted * _tone(seen, carried, own, deep)
            _put(own, carried, seen.sampled, rest, image, weight)


def _carried(seen: Look, channel: int, own: NDArray[np.bool_]) -> Floats:
    sure = smoothstep(seen.shown[..., channel], *_SURE)
    return np.asarray(sure * smoothstep(seen.facing, *_FACING) * own, np.float32)


def _tone(seen: Look, carried: Floats, own: NDArray[np.bool_], usual: float = 1.0) -> Floats:
    """Mean of what is seen over the model's colours (3,); `usual` where hardly anything is."""
    total = float(carried.sum())
    if total < _LEAST:
        return np.full(3, usual, np.float32)
    photo = (seen.sampled * carried[..., None]).sum((0, 1))
    model = (seen.fitted * carried[..., None]).sum((0, 1))
    return np.clip(photo / np.maximum(model, 1e-6), *_TONES).astype(np.float32)


def _safe(weighted: Floats, carried: Floats) -> Floats:
    """Weighted differences over their weights and the tone's."""
    return np.asarray(weighted / (carried + _TONE_WEIGHT)[..., None], np.float32)


def _put(
    own: NDArray[np.bool_],
    carried: Floats,
    sampled: Floats,
    rest: Floats,
    image: Floats,
    weight: Floats,
) -> None:
    mixed = rest + carried[..., None] * (sampled - rest)
    image[own] = mixed[own]
    weight[own] = carried[own]
