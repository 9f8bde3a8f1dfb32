"""Loss terms by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..core.registry import Registry
from .coefficients import (
    blendshape_prior,
    coefficient_error,
    coefficient_prior,
    gaussian_prior,
    light_prior,
)
from .landmark import landmark_loss
from .parameter_distance import pdc, vdc, wpdc
from .photometric import (
    albedo_flatness,
    colour_difference,
    colour_distance,
    photometric_loss,
    robust_photometric,
)
from .pixel_classes import attention_cross_entropy, segmentation_error
from .points import (
    depth_distance,
    distance_likelihood,
    gap_distance,
    point_distance,
    visibility_error,
    wing,
)
from .shape import cosine_distance, disagreement, squared_displacement
from .ssim import ssim_loss, ssim_map_loss
from .surface import (
    edge_length_difference,
    laplacian_difference,
    map_laplacian,
    normal_deviation,
    smoothness,
)
from .uv_maps import map_distance

LOSSES: Registry[Tensor] = Registry("loss")
"""`LOSSES.get(name)` is the term's function; its docstring says what it takes and returns.

Terms are per sample (B,) or unreduced; `masked_mean` of reduction.py does the rest.
"""

_TERMS: dict[str, Callable[..., Tensor]] = {
    "attention": attention_cross_entropy,
    "coefficients": coefficient_error,
    "depth": depth_distance,
    "disagreement": disagreement,
    "displacement": squared_displacement,
    "edge-length": edge_length_difference,
    "gap": gap_distance,
    "identity": cosine_distance,
    "landmark": landmark_loss,
    "laplacian": laplacian_difference,
    "laplacian-map": map_laplacian,
    "light": light_prior,
    "normal": normal_deviation,
    "pdc": pdc,
    "photometric": photometric_loss,
    "photometric-l1": colour_difference,
    "photometric-l2": colour_distance,
    "photometric-robust": robust_photometric,
    "point": point_distance,
    "point-likelihood": distance_likelihood,
    "prior": coefficient_prior,
    "prior-blendshape": blendshape_prior,
    "prior-gaussian": gaussian_prior,
    "reflectance": albedo_flatness,
    "segmentation": segmentation_error,
    "smoothness": smoothness,
    "ssim": ssim_loss,
    "ssim-windowed": ssim_map_loss,
    "uv-map": map_distance,
    "vdc": vdc,
    "visibility": visibility_error,
    "wing": wing,
    "wpdc": wpdc,
}

for _name, _term in _TERMS.items():
    LOSSES.register(_name)(_term)
