"""What the pixels round a face show, by the segmentation of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.crop import Crop
from ...geometry.segments import Segment
from ..locate.cut import cut_tensor
from ..locate.frame import frame_of_box
from ..network.found import FoundFace
from ..network.regress import Regressor
from .evidence import Evidence, evidence_of, refined

WIDER = 1.28
"""Side of the crop that is segmented over that of a face's crop: room for ears, hair and neck."""

_FACIAL = (Segment.SKIN, Segment.BROWS, Segment.LIPS, Segment.BEARD)
_FINER = 2  # side of the picture that refines borders over that of the network's input


def segment_faces(
    regressor: Regressor, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[FoundFace]
) -> list[Evidence | None]:
    """Evidence for each face, in photograph pixels; None where the network has no segmentation.

    Args:
        regressor: which found the faces.
        pictures: (H,W,3) uint8, one for each face. faces: what it found there.
    """
    if not faces or faces[0].segmentation is None:
        return [None] * len(faces)
    found: list[Evidence | None] = []
    for picture, face in zip(pictures, faces, strict=True):
        crop = _wider(face.crop)
        guide = cut_tensor(picture, crop)
        around = _probabilities(regressor, guide)
        found.append(evidence_of(around, guide, crop.matrix, face.segmentation, WIDER))
    return found


def facial_skin(
    regressor: Regressor, picture: NDArray[np.uint8], points: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The skin of a face whose landmarks are known, (H,W) uint8, 255 on it.

    Brows, lips and beards count, ears, neck, eyes and the open mouth do not.

    Args:
        regressor: with a segmentation.
        picture: (H,W,3) uint8.
        points: (68,2) landmarks, photograph pixels.

    Raises:
        InputError: points that are not finite or lie on one spot.
    """
    low, high = points.min(0), points.max(0)
    crop = _wider(frame_of_box((*low.tolist(), *high.tolist()), regressor.size))
    guide = cut_tensor(picture, crop)
    chance = _probabilities(regressor, guide)[list(_FACIAL)].sum(0, keepdim=True)
    fine = refined(chance, guide)
    corners = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64) * crop.size[0]
    (x0, y0), (x1, y1) = crop.to_photo(corners).tolist()
    height, width = picture.shape[:2]
    left, top = max(int(x0), 0), max(int(y0), 0)
    right, bottom = min(int(x1) + 1, width), min(int(y1) + 1, height)
    mask = np.zeros((height, width), np.uint8)
    if right <= left or bottom <= top:
        return mask
    scale = crop.scale * fine.shape[-1] / crop.size[0]
    x = (torch.arange(left, right) + 0.5 - x0) * scale
    y = (torch.arange(top, bottom) + 0.5 - y0) * scale
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1) * (2 / fine.shape[-1]) - 1
    seen = functional.grid_sample(fine, grid[None].to(fine), align_corners=False)[0, 0]
    mask[top:bottom, left:right] = np.where(seen.numpy() > 0.5, 255, 0)
    return mask


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
