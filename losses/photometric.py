"""Photometric error of a rendering against its photograph, unreduced."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape


def robust_photometric(rendered: Tensor, photo: Tensor, scale: float) -> Tensor:
    """Geman-McClure error of the RGB distance, per pixel.

    rho(r) = r^2 / (r^2 + scale^2) with r^2 the mean squared difference over the channels
    (Geman and McClure 1987): quadratic for small residuals, at most 1 for a pixel that shows
    something the model cannot, such as hair or a hand.

    Args:
        rendered: (B,C,H,W) in [0,1].
        photo: (B,C,H,W) in [0,1].
        scale: residual at which the error is 1/2, in the images' units, > 0.

    Returns:
        (B,1,H,W) in [0,1).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("photo", photo, tuple(rendered.shape))
    squared = (rendered - photo).square().mean(1, keepdim=True)
    return squared / (squared + scale**2)
