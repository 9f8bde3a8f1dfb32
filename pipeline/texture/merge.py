"""One texture from several photographs of a person: each texel from the one that sees it best.

Photographs differ in light, so the others are brought to the first one's tone where both see skin:
by a smooth difference, which carries on to where the first one sees nothing. Eyes and lips move,
and hair hangs otherwise every day: they come from the first alone, as two of them laid over one
another are a ghost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from .build import Texture

Floats = NDArray[np.float32]

_PREFERENCE = 1.6  # of the first photograph over others that see a texel as well
_CHOICE = 4.0  # exponent of how well texels are seen: the larger, the fewer photographs mix
_SOFT, _TONE = 1 / 128, 1 / 24  # spread of borders between photographs and of tones, of the side
_COMPLETED, _HARDLY = 2e-3, 1e-4  # weight of the first one's completion; what counts as nothing
_FADE = 1 / 24  # of the side, over which a photograph fades in from where its view ends
_ENOUGH = 0.02  # of a tone's weight, below which the mean difference stands for it


def merge_textures(
    textures: Sequence[Texture], views: Sequence[Floats], own: NDArray[np.bool_]
) -> Texture:
    """The textures as one.

    Args:
        textures: of one size; the first is what others are adapted to, and completes what none saw.
        views: (S,S) how well each photograph shows each texel, >= 0; heard where it was sampled.
        own: (S,S) texels that come from the first one alone.
    """
    side = textures[0].image.shape[1]
    images = [np.ascontiguousarray(t.image.permute(1, 2, 0).numpy()) for t in textures]
    seen = [t.seen[0].numpy() for t in textures]
    first, total = images[0], np.full((side, side), _COMPLETED, np.float32)
    result = _COMPLETED * first
    for k, (image, sure, view) in enumerate(zip(images, seen, views, strict=True)):
        weight = np.square(sure) * np.maximum(view, 0) ** _CHOICE
        if k == 0:
            weight = weight * _PREFERENCE**_CHOICE
        else:
            image = image + _tone(first - image, np.where(own, 0, np.minimum(sure, seen[0])), side)
            weight = np.where(own, 0, weight)
        weight = gaussian_filter(weight, _SOFT * side) * _within(weight > _HARDLY, side)
        total += weight
        result += weight[..., None] * image
    result /= total[..., None]
    result[own] = first[own]
    whole = np.maximum.reduce([np.where(own & (k > 0), 0, s) for k, s in enumerate(seen)])
    merged = torch.from_numpy(np.ascontiguousarray(result.clip(0, 1).transpose(2, 0, 1)))
    return Texture(merged, torch.from_numpy(np.asarray(whole, np.float32))[None])


def _within(part: NDArray[np.bool_], side: int) -> Floats:
    """From 0 at the border of a part (S,S) to 1 inside it."""
    depth = distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
    return np.asarray(np.clip(depth / (_FADE * side), 0, 1), np.float32)


def _tone(difference: Floats, both: Floats, side: int) -> Floats:
    """A smooth difference (S,S,3) from where both photographs see something (S,S)."""
    weight = np.square(both)
    mean = (difference * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
    spread = gaussian_filter(weight, _TONE * side)
    off = gaussian_filter((difference - mean) * weight[..., None], (*[_TONE * side] * 2, 0))
    return np.asarray(mean + off / (spread + _ENOUGH)[..., None], np.float32)
