"""How near a rendering comes to its photograph: L1, PSNR and SSIM over a mask, one number an item.

An item whose mask is empty or whose pixels are not finite gets NaN, which callers count as failed.
Images are floating-point numbers; half precision is widened to float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.checks import check_shape
from ...losses.reduction import masked_mean_each
from ...losses.ssim import ssim_global, ssim_map
from ...losses.term import make_term

_of_images = make_term(masks=["mask"], images=["predicted"], photos=["target"])


@_of_images
def l1_error(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference over the mask and the channels, on [0,1].

    >>> predicted, target = torch.full((1, 3, 4, 4), 0.75), torch.full((1, 3, 4, 4), 0.5)
    >>> l1_error(predicted, target, torch.ones(1, 1, 4, 4))
    tensor([0.2500])

    Args:
        predicted: (B,C,H,W) in [0,1].
        target: the same.
        mask: (B,1,H,W) bool, or weights >= 0.

    Returns:
        (B,); NaN where the item failed.
    """
    return _mean((predicted - target).abs(), _checked(predicted, target, mask))


@_of_images
def psnr(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over the mask in dB (Mobile-FaceRNet, eq 19).

    10 log10(255^2 / MSE) of 8-bit values is -10 log10(MSE) of values in [0,1]; images are not
    rounded to 8 bits first. Equal images give infinity.

    >>> predicted, target = torch.full((1, 3, 4, 4), 0.6), torch.full((1, 3, 4, 4), 0.5)
    >>> psnr(predicted, target, torch.ones(1, 1, 4, 4)).round(decimals=3)
    tensor([20.])

    Args:
        predicted: (B,C,H,W) in [0,1].
        target: the same.
        mask: (B,1,H,W) bool, or weights >= 0.

    Returns:
        (B,); NaN where the item failed.
    """
    square = _mean((predicted - target).square(), _checked(predicted, target, mask))
    return -10 * torch.log10(square)


@_of_images
def mean_ssim(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean over mask and channels of the windowed SSIM.

    >>> image = torch.arange(432.0).reshape(1, 3, 12, 12) / 432
    >>> mean_ssim(image, image, torch.ones(1, 1, 12, 12))
    tensor([1.])

    Args:
        predicted: (B,C,H,W) in [0,1].
        target: the same.
        mask: (B,1,H,W) bool, or weights >= 0.

    Returns:
        (B,); NaN where the item failed.
    """
    weights = _checked(predicted, target, mask)
    return _mean(ssim_map(predicted, target, weights), weights)


@_of_images
def global_ssim(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """SSIM with moments over the whole mask (Mobile-FaceRNet, eq 15), mean over the channels.

    Arguments and result as `l1_error`.
    """
    weights = _checked(predicted, target, mask)
    value = ssim_global(predicted, target, weights).mean(1)
    return torch.where(weights.sum((1, 2, 3)) > 0, value, torch.nan)


def _checked(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    check_shape("predicted", predicted, (None, None, None, None))
    check_shape("target", target, tuple(predicted.shape))
    count, _, height, width = predicted.shape
    check_shape("mask", mask, (count, 1, height, width))
    return mask.to(predicted)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    mean = masked_mean_each(values, weights.expand_as(values))
    return torch.where(weights.sum((1, 2, 3)) > 0, mean, torch.nan)
