"""Photometric error of a rendering against its photograph, and the flatness of an albedo.

`Rendering.image` is premultiplied by its mask: where pixels are covered in part, compare
`rendering.over(photo)`, or the outline counts as dark.
"""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape
from .reduction import masked_mean_each
from .term import make_term

FLOOR = 1e-6
"""What Deep3D adds under the root, so that the gradient exists at equal colours."""


@make_term(images=["rendered"], photos=["photo"])
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


@make_term(images=["rendered"], photos=["photo"])
def colour_distance(rendered: Tensor, photo: Tensor, floor: float = FLOOR) -> Tensor:
    """L2 norm of the colour difference of each pixel: sqrt(floor + sum_c (I_c - I'_c)^2).

    The summand of MLANet's eq 10 and of Mobile-FaceRNet's eq 14. The papers have no floor; with
    Deep3D's, a perfect rendering still costs sqrt(floor) = 0.001.

    Args:
        rendered: (B,C,H,W) in [0,1].
        photo: (B,C,H,W) in [0,1].
        floor: above 0, in squared units of the images.

    Returns:
        (B,1,H,W).

    Raises:
        InputError: the shapes differ.
    """
    _check_images(rendered, photo)
    return (floor + (rendered - photo).square().sum(1, keepdim=True)).sqrt()


@make_term(images=["rendered"], photos=["photo"])
def colour_difference(rendered: Tensor, photo: Tensor) -> Tensor:
    """Mean absolute difference over the channels (L1) of each pixel.

    Args:
        rendered: (B,C,H,W) in [0,1].
        photo: (B,C,H,W) in [0,1].

    Returns:
        (B,1,H,W).

    Raises:
        InputError: the shapes differ.
    """
    _check_images(rendered, photo)
    return (rendered - photo).abs().mean(1, keepdim=True)


@make_term(masks=["visible", "attention"], images=["rendered"], photos=["photo"])
def photometric_loss(
    rendered: Tensor, photo: Tensor, visible: Tensor, attention: Tensor | None = None
) -> Tensor:
    """Mean colour distance over the visible face, for each image.

    With attention, MLANet's eq 10: sum_{i in M} A_i ||I_i - I'_i|| / sum_{i in M} A_i (printed
    without the index of I). Without, Mobile-FaceRNet's eq 14: 1/n sum_{i in V} ||I_i - I'_i||. Each
    image is divided by its own pixels, as the equations say; Deep3D's code divides the sum of the
    batch by the pixels of the batch.

    >>> import torch
    >>> photo, visible = torch.zeros(1, 3, 2, 2), torch.ones(1, 1, 2, 2)
    >>> photometric_loss(photo + 0.5, photo, visible)
    tensor([0.8660])

    Args:
        rendered: (B,C,H,W) in [0,1].
        photo: (B,C,H,W) in [0,1].
        visible: (B,1,H,W) in [0,1], the rendering's mask (M of the one, V of the other paper).
        attention: (B,1,H,W) in [0,1], 1 on skin (A); None is 1 everywhere.

    Returns:
        (B,); 0 with a gradient of 0 where nothing is left of the masks. No gradient goes into the
        masks: a face must not shrink to lower its error.

    Raises:
        InputError: the shapes differ.
    """
    error = colour_distance(rendered, photo)
    check_shape("visible", visible, tuple(error.shape))
    weights = visible.detach()
    if attention is not None:
        check_shape("attention", attention, tuple(error.shape))
        weights = weights * attention.detach()
    return masked_mean_each(error, weights)


def _check_images(rendered: Tensor, photo: Tensor) -> None:
    check_shape("rendered", rendered, (None, None, None, None))
    check_shape("photo", photo, tuple(rendered.shape))


@make_term("albedo", masks=["region"])
def albedo_flatness(albedo: Tensor, region: Tensor) -> Tensor:
    """Variance of the albedo inside a region of skin: MLANet's eq 14, Deep3D's reflectance term.

    sum_v M_v ||T_v - mean T||^2 / sum_v M_v with mean T = sum_v M_v T_v / sum_v M_v for each face
    and channel; the squared norm sums over the channels. It keeps shadows out of the albedo, and
    with them everything the light should explain.

    Args:
        albedo: (B,V,3) in [0,1].
        region: (V,) bool or weights >= 0, such as `geometry.face_regions.reflectance(model)`.

    Returns:
        (B,); 0 with a gradient of 0 for an empty region.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("albedo", albedo, (None, None, 3))
    check_shape("region", region, (albedo.shape[1],))
    weights = region.to(albedo)[None, :, None]
    mean = (albedo * weights).sum(1, keepdim=True) / weights.sum().clamp(min=1e-8)
    deviation = (albedo - mean).square().sum(2)
    return masked_mean_each(deviation, weights[..., 0].expand_as(deviation))
