"""How far a face's albedo is from one colour of skin."""

from __future__ import annotations

from torch import Tensor

from ..geometry.checks import check_shape
from .reduction import masked_mean_each
from .term import term


@term("albedo", masks=["region"])
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
