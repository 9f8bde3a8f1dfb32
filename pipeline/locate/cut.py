"""Crops of photographs as networks and renderers take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.crop import Crop
from ...geometry.cut import cut_out


def cut_tensor(picture: NDArray[np.uint8], crop: Crop) -> Tensor:
    """The crop of a photograph (H,W,3) as (1,3,h,w) in [0,1], black outside the photograph.

    Args:
        picture: (H,W,3) uint8 RGB.
        crop: of the photograph's frame.

    Raises:
        InputError: no photograph, or a crop that reaches farther than numbers of pixels do.
    """
    return cut_out(picture, crop.matrix, crop.size)[0][None]


def resized(image: Tensor, side: int) -> Tensor:
    """A square image (B,C,S,S) at another size, averaged where it shrinks."""
    return functional.interpolate(
        image, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
