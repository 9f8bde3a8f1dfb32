"""Weighted distances of UV position maps: SADRNet's geometry, deformation and pose terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..core.errors import InputError, UnknownNameError
from ..geometry.checks import check_shape
from .length import length
from .reduction import masked_mean_each
from .term import term

SADRNET_REGIONS: tuple[tuple[str, float], ...] = (
    ("skin", 3.0),
    ("eyes", 12.0),
    ("nose", 12.0),
    ("mouth", 12.0),
    ("neck", 0.0),
    ("landmarks", 16.0),
)
"""16:12:3:0 for landmarks : eyes, nose, mouth : cheeks, chin, forehead : neck (SADRNet III-D).

Later entries win. SADRNet's code divides PRNet's picture by 16 and makes 12 of its 4; the picture
hardly marks the neck, whose 0 comes from the mask of the face.
"""


@term("predicted", "target", masks=["mask", "weights"])
def map_distance(predicted: Tensor, target: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean distance of two maps over the face: SADRNet's eq 19 for G, D and P.

    sum_uv ||N - N'||_2 M / (number of face texels). The print has a bare sum; the code averages
    over the texels of the face, not over their weights, and so does this.

    Args:
        predicted, target: (B,C,H,W), any unit of length.
        mask: (H,W) bool, the texels of the face.
        weights: (H,W) >= 0, such as `region_weights(regions, SADRNET_REGIONS)`.

    Returns:
        (B,); 0 with a gradient of 0 for an empty mask.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("predicted", predicted, (None, None, None, None))
    check_shape("target", target, tuple(predicted.shape))
    check_shape("mask", mask, tuple(predicted.shape[2:]))
    check_shape("weights", weights, tuple(predicted.shape[2:]))
    distance = length(predicted - target, dim=1) * weights
    return masked_mean_each(distance, mask.to(distance).expand_as(distance))


def region_weights(regions: Mapping[str, Tensor], weights: Sequence[tuple[str, float]]) -> Tensor:
    """A map of weights from named regions.

    Args:
        regions: masks of one shape, bool: (H,W) of a UV map, or (V,) of vertices.
        weights: (region, weight) pairs; where regions overlap, the later pair wins.

    Returns:
        float32 of the masks' shape, 0 outside all of them.

    Raises:
        UnknownNameError: a pair names no region. InputError: no region, or masks of several shapes.
    """
    if not regions:
        raise InputError("regions", "at least one mask", "none")
    first = next(iter(regions.values()))
    total = torch.zeros(first.shape, device=first.device)
    for name, weight in weights:
        if name not in regions:
            raise UnknownNameError("region", name, list(regions))
        check_shape(f"region {name!r}", regions[name], tuple(first.shape))
        total = torch.where(regions[name].bool(), weight, total)
    return total
