"""Structural similarity, one formula for the loss and for the metric.

    SSIM = (2 ma mb + c1) (2 cab + c2) / ((ma^2 + mb^2 + c1) (va + vb + c2))

with means m, variances v and the covariance c of two images in [0,1], c1 = 0.01^2, c2 = 0.03^2
(Wang et al. 2004, eq 13). The moments are taken over everything visible (`ssim_global`, eq 15 of
Mobile-FaceRNet) or under a Gaussian window around each pixel (`ssim_map`, Wang et al.'s own).
Both see masked pixels only: what is hidden has no weight in any moment. The loss is 1 - SSIM.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.checks import check_shape

_C1, _C2 = 0.01**2, 0.03**2
_EMPTY = 1e-8
WINDOW, SIGMA = 11, 1.5
"""Side of the window and the Gaussian's standard deviation in pixels (Wang et al. 2004)."""


def ssim_global(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """SSIM of two images with moments over the whole visible region, for each channel.

    Args:
        first, second: (B,C,H,W) in [0,1].
        mask: (B,1,H,W) >= 0, the weight of each pixel; None sees everything. An empty mask gives
            1 with a gradient of 0: nothing to compare, no loss.

    Returns:
        (B,C) in [-1,1], 1 for equal images.

    Raises:
        InputError: the shapes differ.
    """
    weights = _weights(first, second, mask)
    weights = weights / weights.sum((2, 3), keepdim=True).clamp(min=_EMPTY)

    def mean(values: Tensor) -> Tensor:
        return (values * weights).sum((2, 3))

    mean_a, mean_b = mean(first), mean(second)
    a, b = first - mean_a[..., None, None], second - mean_b[..., None, None]
    return _formula(mean_a, mean_b, mean(a * a), mean(b * b), mean(a * b))


def ssim_map(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """SSIM under an 11 x 11 Gaussian window around each pixel, for each channel.

    The window's weights are multiplied by the mask and made to sum to 1 again, at the border of
    the image, too. More than five pixels inside, this is the usual windowed SSIM; nothing is padded
    or mirrored. The mean over the mask (`masked_mean(map, mask)`) is what papers report.

    Args:
        first, second: (B,C,H,W) in [0,1].
        mask: (B,1,H,W) >= 0; None sees everything. Where a window sees nothing the map is 1.

    Returns:
        (B,C,H,W) in [-1,1].

    Raises:
        InputError: the shapes differ.
    """
    weights = _weights(first, second, mask)
    total = _blur(weights).clamp(min=_EMPTY)

    def mean(values: Tensor) -> Tensor:
        return _blur(values * weights) / total

    mean_a, mean_b = mean(first), mean(second)
    variance_a = mean(first * first) - mean_a * mean_a
    variance_b = mean(second * second) - mean_b * mean_b
    return _formula(mean_a, mean_b, variance_a, variance_b, mean(first * second) - mean_a * mean_b)


def _weights(first: Tensor, second: Tensor, mask: Tensor | None) -> Tensor:
    check_shape("first", first, (None, None, None, None))
    check_shape("second", second, tuple(first.shape))
    count, _, height, width = first.shape
    if mask is None:
        return first.new_ones(count, 1, height, width)
    check_shape("mask", mask, (count, 1, height, width))
    return mask.to(first)


def _formula(
    mean_a: Tensor, mean_b: Tensor, variance_a: Tensor, variance_b: Tensor, covariance: Tensor
) -> Tensor:
    light = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    return light * (2 * covariance + _C2) / (variance_a + variance_b + _C2)


def _blur(image: Tensor) -> Tensor:
    """Gaussian sums around each pixel; outside the image is 0."""
    offset = torch.arange(WINDOW, dtype=image.dtype, device=image.device) - WINDOW // 2
    kernel = torch.exp(-(offset**2) / (2 * SIGMA**2))
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, 1, WINDOW)
    groups, half = image.shape[1], WINDOW // 2
    rows = functional.conv2d(image, kernel, padding=(0, half), groups=groups)
    return functional.conv2d(rows, kernel.transpose(2, 3), padding=(half, 0), groups=groups)
