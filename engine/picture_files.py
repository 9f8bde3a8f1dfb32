"""Pictures of a run as files."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.image_file import write_image
from ..core.whole_file import prepare_folder

_GAP = 2  # pixels between the pictures of a sheet


def contact_sheet(pictures: Tensor) -> Tensor:
    """One picture (3,H,W) of a picture (3,H,W), or of N side by side and below each other.

    Args:
        pictures: (3,H,W) or (N,3,H,W) in [0,1]; other values are clamped, NaN is black.

    Raises:
        InputError: another shape.
    """
    if pictures.ndim not in (3, 4) or pictures.shape[-3] != 3 or not len(pictures):
        raise InputError("pictures", "(3,H,W) or (N,3,H,W)", f"{tuple(pictures.shape)}")
    images = torch.nan_to_num(pictures.detach().float().cpu()).clamp(0, 1)
    if images.ndim == 3:
        return images
    count, _, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    down, right = height + _GAP, width + _GAP
    sheet = torch.ones(3, rows * down - _GAP, columns * right - _GAP)
    for k, image in enumerate(images):
        top, left = k // columns * down, k % columns * right
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def write_picture(folder: Path, name: str, step: int, sheet: Tensor) -> Path:
    """Write (3,H,W) in [0,1] as `NAME_STEP.png`; the folder is made if missing."""
    prepare_folder(folder)
    path = folder / f"{name}_{step:08d}.png"
    write_image(path, (sheet * 255).round().byte().permute(1, 2, 0).numpy())
    return path
