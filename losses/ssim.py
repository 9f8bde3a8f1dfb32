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

from ..geometry.checks import check_shape
from .term import make_term

_C1, _C2 = 0.01**2, 0.03**2
_EMPTY = 1e-8
WINDOW, SIGMA = 11, 1.5
"""Side of the window and the Gaussian's standard deviation in pixels (Wang et al. 2004)."""


@make_term(masks=["mask"], images=["first"], photos=["second"])
def ssim_global(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """SSIM of two images with moments over the whole visible region, for each channel.

    Args:
        first: (B,C,H,W) in [0,1].
        second: the same shape.
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


@make_term(masks=["mask"], images=["first"], photos=["second"])
def ssim_map(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """SSIM under an 11 x 11 Gaussian window around each pixel, for each channel.

    The window's weights are multiplied by the mask and made to sum to 1 again, at the border of
    the image, too. More than five pixels inside, this is the usual windowed SSIM; nothing is padded
    or mirrored. The mean over the mask (`masked_mean(map, mask)`) is what papers report.

    Args:
        first: (B,C,H,W) in [0,1].
        second: the same shape.
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


@make_term(masks=["mask"], images=["first"], photos=["second"])
def ssim_loss(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """1 - SSIM with global moments, mean over the channels: Mobile-FaceRNet's eq 15.

    The paper writes of one image and leaves the channels open; its c1 and c2 are those above, for
    images in [0,1].

    >>> ramp = torch.linspace(0, 1, 16).reshape(1, 1, 4, 4)
    >>> ssim_loss(ramp, ramp), ssim_loss(ramp, 1 - ramp).round(decimals=2)
    (tensor([0.]), tensor([1.9900]))

    Args:
        first: (B,C,H,W) in [0,1].
        second: the same shape.
        mask: (B,1,H,W) >= 0, the weight of each pixel; None sees everything.

    Returns:
        (B,) in [0,2]; 0 with a gradient of 0 where the mask is empty.

    Raises:
        InputError: the shapes differ.
    """
    return (1 - ssim_global(first, second, mask)).mean(1)


@make_term(masks=["mask"], images=["first"], photos=["second"])
def ssim_map_loss(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """1 - SSIM under a window around each pixel, mean over the channels.

    Twice kornia's `ssim_loss`, which halves, but for the border of the image. Reduce it with
    `masked_mean(loss, mask)`.

    Args:
        first: (B,C,H,W) in [0,1].
        second: the same shape.
        mask: (B,1,H,W) >= 0; None sees everything.

    Returns:
        (B,1,H,W) in [0,2].

    Raises:
        InputError: the shapes differ.
    """
    return (1 - ssim_map(first, second, mask)).mean(1, keepdim=True)


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
    """Gaussian sums around each pixel; outside the image is 0.

    As products with a band matrix on either side: at the sizes of crops this is several times as
    fast on a CPU as a convolution of each channel on its own, most of all backwards.
    """
    height, width = image.shape[2:]
    with torch.autocast(image.device.type, enabled=False):  # variances are small differences
        return _band(height, image) @ image @ _band(width, image)


def _band(size: int, like: Tensor) -> Tensor:
    """(size,size) symmetric: the window's weight of each pixel of a line for each other."""
    place = torch.arange(size, dtype=like.dtype, device=like.device)
    offset = place[:, None] - place
    window = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - WINDOW // 2
    total = torch.exp(-(window**2) / (2 * SIGMA**2)).sum()
    weights = torch.exp(-(offset**2) / (2 * SIGMA**2)) / total
    return torch.where(offset.abs() <= WINDOW // 2, weights, 0.0)
