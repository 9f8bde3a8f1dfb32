"""Small crops out of large photographs, without touching the rest of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError
from ...geometry.crop import Crop

_FARTHEST = 1e9  # pixels that a crop may reach
_MARGIN = 2  # photograph pixels that interpolation may look at beyond the crop, per block


def cut_tensor(picture: NDArray[np.uint8], crop: Crop) -> Tensor:
    """The crop of a photograph (H,W,3) as (1,3,h,w) in [0,1], black outside the photograph.

    Equals `crop.warp` of the whole photograph but for where its blocks begin.

    Args:
        picture: (H,W,3) uint8 RGB.
        crop: of the photograph's frame.

    Raises:
        InputError: no photograph, or a crop that reaches farther than numbers of pixels do.
    """
    height, width = crop.size
    if picture.dtype != np.uint8 or picture.ndim != 3 or 0 in picture.shape:
        raise InputError("picture", "uint8 (H,W,3)", f"{picture.dtype} {picture.shape}")
    corners = torch.tensor([[0, 0], [width, 0], [0, height], [width, height]], dtype=torch.float64)
    photo = crop.to_photo(corners)
    if not bool((photo.abs() < _FARTHEST).all()):
        expected = f"one within {_FARTHEST:.0e} pixels of the photograph"
        raise InputError("crop", expected, f"{float(photo.abs().max()):g}")
    margin = _MARGIN * max(1, int(1 / crop.scale))
    low = (photo.amin(0) - margin).floor().long()
    high = (photo.amax(0) + margin).ceil().long()
    x0, y0 = (int(max(0, v)) for v in low)
    x1, y1 = (min(int(v), limit) for v, limit in zip(high, picture.shape[1::-1], strict=True))
    if x1 <= x0 or y1 <= y0:
        return torch.zeros(1, 3, height, width)
    part = torch.from_numpy(np.ascontiguousarray(picture[y0:y1, x0:x1])).permute(2, 0, 1)[None]
    matrix = crop.matrix.clone()
    matrix[:, 2] += matrix[:, :2] @ torch.tensor([x0, y0], dtype=torch.float64)
    return Crop(matrix, crop.size).warp(part.float() / 255)[0]


def resized(image: Tensor, side: int) -> Tensor:
    """A square image (B,C,S,S) at another size, averaged where it shrinks."""
    return functional.interpolate(
        image, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
