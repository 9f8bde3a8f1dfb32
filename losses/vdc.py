"""Vertex distance cost."""

from __future__ import annotations

from torch import Tensor

from .affine_basis import AffineBasis, affine_vertices
from .term import term


@term("predicted", "target")
def vdc(predicted: Tensor, target: Tensor, basis: AffineBasis) -> Tensor:
    """Squared difference of each coordinate of the points (Zhu et al., CVPR 2016).

    As 3DDFA computes it: of the parameters in their own units, with the target's depth offset.

    Args:
        predicted, target: (B,P), whitened.
        basis: the points and the whitening.

    Returns:
        (B,N,3), pixels^2.

    Raises:
        InputError: the shapes do not fit.
    """
    own, known = affine_vertices(predicted, target, basis)
    return (own - known).square()
