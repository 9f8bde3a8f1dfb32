"""What the pixels round a face show, by the segmentation of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..geometry.crop import Crop
from .cut import cut
from .regress import RegressedFace, Regressor
from .texture import Evidence, evidence_of

WIDER = 1.28
"""Side of the crop that is segmented over that of a face's crop: room for ears, hair and neck."""

_FINER = 2  # side of the picture that refines borders over that of the network's input


def segment_faces(
    regressor: Regressor, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[RegressedFace]
) -> list[Evidence | None]:
    """Evidence for each face, in photograph pixels; None where the network has no segmentation.

    Args:
        regressor: which found the faces.
        pictures: (H,W,3) uint8, one for each face. faces: what it found there.
    """
    if not faces or faces[0].segmentation is None:
        return [None] * len(faces)
    frames = [_wider(face.crop) for face in faces]
    guides = [cut(picture, crop) for picture, crop in zip(pictures, frames, strict=True)]
    found: list[Evidence | None] = []
    for guide, crop in zip(guides, frames, strict=True):
        found.append(evidence_of(_probabilities(regressor, guide), guide, crop.matrix))
    return found


def _probabilities(regressor: Regressor, guide: Tensor) -> Tensor:
    """Of the classes (16,s,s) for one crop (1,3,S,S)."""
    seen = functional.avg_pool2d(guide, _FINER)
    with torch.inference_mode():
        scores = regressor.network(seen.contiguous(memory_format=torch.channels_last)).segmentation
    return scores[0].softmax(0).clone()


def _wider(crop: Crop) -> Crop:
    """The same middle with a longer side, `_FINER` times as many pixels."""
    size = crop.size[0] * _FINER
    scale = _FINER / WIDER
    turn = torch.tensor([[scale, 0.0], [0.0, scale]], dtype=torch.float64)
    shift = size / 2 - scale * crop.size[0] / 2
    linear, move = crop.matrix[:, :2].double(), crop.matrix[:, 2:].double()
    matrix = torch.cat([turn @ linear, turn @ move + shift], 1)
    return Crop(matrix, (size, size))
