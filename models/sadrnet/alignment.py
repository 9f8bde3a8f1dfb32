"""Similarities from weighted landmarks, for networks that align their own outputs.

SADRNet (Ruan et al., SADRNet: Self-Aligned Dual Face Regression Networks for Robust 3D Dense Face
Alignment and Reconstruction, IEEE TIP 2021, section III-C) finds the pose that takes its posed
landmarks from its unposed ones, each weighted by how well it is seen.

Everything goes through `align.similarity_align`, which never differentiates an SVD: the derivative
of the nearest rotation comes from the equilibrium of turns, whose stiffness matrix is singular only
where no point resists a turn, and such turns get no gradient. Points that coincide, lie on a line
or in a plane thus give finite gradients, where the derivative of an SVD divides by differences of
singular values that are equal or zero.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ...core.choices import check_choice
from ...geometry.align import Similarity, similarity_align
from ...geometry.checks import check_shape

AlignmentMethod = Literal["umeyama", "sadrnet"]
METHODS: tuple[AlignmentMethod, ...] = get_args(AlignmentMethod)
VISIBILITY_FLOOR = 0.1


def sadrnet_alignment(
    source: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    method: AlignmentMethod = "umeyama",
) -> Similarity:
    """The similarity that takes source points to target points.

    "umeyama" is the least-squares solution with weights, a proper rotation. "sadrnet" is what the
    published code of SADRNet computes for its equations 12 to 18, which differ from it:
    - the scale is a ratio of summed distances to the weighted centroids, the sums unweighted (as
      eq 14 prints it);
    - the covariance is weighted, but of points centred by their unweighted means (eqs 15 and 16
      centre by the weighted ones);
    - t = mean(target) - f R mean(source), unweighted (eq 18 lacks the f);
    - the rotation may be a reflection (eq 17 has no check).

    Runs in float32 at least, also under autocast. An item with NaN or infinity gives NaN, so that
    a diverging network does not end in an error of the SVD.

    Args:
        source: (B, N, 3), N >= 3.
        target: the same shape, corresponding points.
        weights: (B, N), at least 0; equal ones if None.
        method: "umeyama" or "sadrnet".

    Returns:
        `Similarity` that maps source to target. Degenerate input as `similarity_align` has it:
        finite values and gradients.

    Raises:
        InputError: wrong or unequal shapes, a negative weight, another method.
    """
    check_choice("method", method, AlignmentMethod)
    check_shape("source", source, ("B", "N", 3))
    if weights is None:
        weights = torch.ones_like(source[..., 0])
    check_shape("target", target, tuple(source.shape))
    check_shape("weights", weights, tuple(source.shape[:2]))
    wide = torch.promote_types(source.dtype, torch.float32)
    with torch.autocast(source.device.type, enabled=False):
        x, y, w = source.to(wide), target.to(wide), weights.to(wide)
        x, y, w, bad = _without_bad_items(x, y, w)
        similarity = similarity_align(x, y, w) if method == "umeyama" else _as_sadrnet(x, y, w)
    return _with_nan(similarity, bad)


def nearest_rotation(matrix: Tensor, reflections: bool = False) -> Tensor:
    """The rotations nearest to matrices in the sum of squares, with a stable derivative.

    The orthogonal factor of the polar decomposition (Higham, Computing the Polar Decomposition,
    SIAM J. Sci. Stat. Comput. 1986). Matrices of rank below 2 give one of the nearest and no
    gradient through the turns that they leave open.

    Args:
        matrix: (B, 3, 3).
        reflections: accept determinant -1 where that is nearer.

    Returns:
        (B, 3, 3).

    Raises:
        InputError: wrong shape.
    """
    check_shape("matrix", matrix, ("B", 3, 3))
    axes = torch.eye(3, dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
    return _rotation_about_origin(axes, matrix.transpose(1, 2), None, reflections)


def _rotation_about_origin(
    x: Tensor, y: Tensor, weights: Tensor | None, reflections: bool
) -> Tensor:
    """The rotation with the largest trace(R^T sum w y x^T), centring nothing.

    Every point with its negative has mean 0, whatever the weights.
    """
    both = None if weights is None else torch.cat([weights, weights], 1)
    similarity = similarity_align(
        torch.cat([x, -x], 1),
        torch.cat([y, -y], 1),
        both,
        scale=False,
        allow_reflection=reflections,
    )
    return similarity.rotation


def _as_sadrnet(source: Tensor, target: Tensor, weights: Tensor) -> Similarity:
    total = weights.sum(1, keepdim=True)
    share = (weights / torch.where(total > 0, total, 1.0))[..., None]
    spread_x, spread_y = (
        _lengths(p - (share * p).sum(1, keepdim=True)).sum(1) for p in (source, target)
    )
    still = spread_x == 0
    factor = torch.where(still, 1.0, spread_y / torch.where(still, 1.0, spread_x))
    mean_x, mean_y = source.mean(1), target.mean(1)
    R = _rotation_about_origin(
        source - mean_x[:, None], target - mean_y[:, None], weights, reflections=True
    )
    turned = (R @ mean_x[..., None])[..., 0]
    return Similarity(factor, R, mean_y - factor[:, None] * turned)


def _lengths(vectors: Tensor) -> Tensor:
    """Lengths (...) of vectors (...,3); the gradient is 0 where the length is."""
    square = vectors.square().sum(-1)
    empty = square == 0
    return torch.where(empty, 0.0, square.masked_fill(empty, 1.0).sqrt())


def _without_bad_items(x: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same with zeros in items that hold NaN or infinity, and which these are (B,)."""
    good = torch.isfinite(x).all(-1) & torch.isfinite(y).all(-1) & torch.isfinite(w)
    bad = ~good.all(1)
    mask = bad[:, None, None]
    return x.masked_fill(mask, 0.0), y.masked_fill(mask, 0.0), w.masked_fill(mask[..., 0], 0.0), bad


def _with_nan(similarity: Similarity, bad: Tensor) -> Similarity:
    nan = float("nan")
    return Similarity(
        similarity.scale.masked_fill(bad, nan),
        similarity.rotation.masked_fill(bad[:, None, None], nan),
        similarity.translation.masked_fill(bad[:, None], nan),
    )


def sample_attention(attention: Tensor, points: Tensor, size: int) -> Tensor:
    """Attention at points of the crop: A(y, x) of SADRNet's eq 10.

    The paper indexes the map in the crop's pixels, though it has fewer: a 32 x 32 map of a
    256-pixel crop is read at coordinates divided by 8, rows by y.

    Args:
        attention: (B, 1, h, w) of square crops.
        points: (B, N, 2+) crop pixels; the nearest texel is read, so no gradient reaches them.
        size: side of the crop in pixels.

    Returns:
        (B, N); 0 outside the crop.

    Raises:
        InputError: wrong shapes or different B.
    """
    check_shape("attention", attention, ("B", 1, "h", "w"))
    check_shape("points", points, (len(attention), "N", None))
    height, width = attention.shape[2:]
    x, y = (points[..., k].detach() / size for k in (0, 1))
    inside = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
    column = (x * width).floor().clamp(0, width - 1).nan_to_num().long()
    row = (y * height).floor().clamp(0, height - 1).nan_to_num().long()
    values = attention.flatten(1).gather(1, row * width + column)
    return torch.where(inside, values, 0.0)


def visibility_weights(
    facing: Tensor, attention: Tensor | None = None, method: AlignmentMethod = "umeyama"
) -> Tensor:
    """Weights of landmarks by whether they face the camera and are not occluded.

    "umeyama" is eqs 10 and 11 as printed: attention where the surface faces the camera, 0
    elsewhere, plus 0.1. "sadrnet" is the published code: attention times 1 or, facing away,
    times 0.1.

    Args:
        facing: (B, N) bool, the normal's z is at least 0.
        attention: (B, N) in [0, 1] there; None where it is not used (SADRNet's code leaves it out
            in training).
        method: as for `sadrnet_alignment`.

    Returns:
        (B, N), at least 0.

    Raises:
        InputError: unequal shapes or another method.
    """
    check_choice("method", method, AlignmentMethod)
    check_shape("facing", facing, ("B", "N"))
    seen = torch.ones_like(facing, dtype=torch.float32) if attention is None else attention
    check_shape("attention", seen, tuple(facing.shape))
    if method == "umeyama":
        return torch.where(facing, seen, 0.0) + VISIBILITY_FLOOR
    return seen * torch.where(facing, 1.0, VISIBILITY_FLOOR)
