"""Least-squares similarity between corresponding points.

`similarity_align` is the one solver, in torch, batched and differentiable; `align_points` asks it
about two sets of points in NumPy. `Similarity` is what both return.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from .checks import check_shape

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation, one per batch element.

    >>> double = Similarity(torch.tensor([2.0]), torch.eye(3)[None], torch.tensor([[0.0, 0, 1]]))
    >>> double.apply(torch.ones(1, 1, 3))
    tensor([[[2., 2., 3.]]])
    >>> double.inverse().compose(double).scale
    tensor([1.])

    Attributes:
        scale: (B,).
        rotation: (B, 3, 3), acting on column vectors.
        translation: (B, 3), in the target's unit.
    """

    scale: Tensor
    rotation: Tensor
    translation: Tensor

    @classmethod
    def from_arrays(cls, scale: float, rotation: Array, translation: Array) -> Similarity:
        """A batch of one in float64 from a number, (3, 3) and (3,)."""
        arrays = (torch.from_numpy(np.array(a, np.float64))[None] for a in (rotation, translation))
        return cls(torch.tensor([scale], dtype=torch.float64), *arrays)

    def as_arrays(self) -> tuple[float, Array, Array]:
        """The scale, the rotation (3, 3) and the translation (3,) of a batch of one, in float64.

        Raises:
            InputError: more than one similarity, or none.
        """
        if self.scale.shape != (1,):
            raise InputError("similarity", "one similarity (B = 1)", f"B = {len(self.scale)}")
        rotation, translation = (
            t.detach().cpu().double().numpy()[0] for t in (self.rotation, self.translation)
        )
        return float(self.scale[0]), rotation, translation

    def apply_array(self, points: Array) -> Array:
        """Transform (N, 3) points in NumPy by a batch of one.

        Raises:
            InputError: more than one similarity, or none.
        """
        scale, rotation, translation = self.as_arrays()
        return scale * (points @ rotation.T) + translation

    def apply(self, points: Tensor) -> Tensor:
        """Transform (B, N, 3) points.

        Raises:
            InputError: wrong shape or another B.
        """
        check_shape("points", points, (self.scale.shape[0], "N", 3))
        turned = points @ self.rotation.transpose(1, 2)
        return self.scale[:, None, None] * turned + self.translation[:, None]

    def inverse(self) -> Similarity:
        """The transform back; infinite where the scale is 0."""
        scale, rotation = 1 / self.scale, self.rotation.transpose(1, 2)
        moved = (rotation @ self.translation[..., None])[..., 0]
        return Similarity(scale, rotation, -scale[:, None] * moved)

    def compose(self, first: Similarity) -> Similarity:
        """The transform that applies `first`, then this one.

        Raises:
            InputError: another B.
        """
        translation = self.apply(first.translation[:, None])[:, 0]
        return Similarity(self.scale * first.scale, self.rotation @ first.rotation, translation)


@dataclass(frozen=True)
class _Moments:
    """Weighted means and second moments of two point sets."""

    source_mean: Tensor  # (B, 3)
    target_mean: Tensor  # (B, 3)
    covariance: Tensor  # (B, 3, 3), target times source
    variance: Tensor  # (B,), of the source
    limit: Tensor  # (B,), up to which a singular value of the covariance is rounding
    still: Tensor  # (B,) bool: the source is one point, to rounding


def _checked_weights(source: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    """Weights that sum to 1 (to 0 where all are 0); checks every argument."""
    check_shape("source", source, ("B", "N", 3))
    if source.shape != target.shape:
        got = f"{tuple(target.shape)}"
        raise InputError("target", f"the shape of source, {tuple(source.shape)}", got)
    if source.shape[1] < 3:
        raise InputError("source", "at least 3 points", f"{source.shape[1]}")
    if weights is None:
        weights = torch.ones_like(source[..., 0])
    check_shape("weights", weights, tuple(source.shape[:2]))
    if bool((weights < 0).any()):
        raise InputError("weights", "numbers of at least 0", "a negative one")
    total = weights.sum(1, keepdim=True)
    return weights / torch.where(total > 0, total, torch.ones_like(total))


def _moments(source: Tensor, target: Tensor, weights: Tensor | None) -> _Moments:
    w = _checked_weights(source, target, weights)[..., None]
    source_mean, target_mean = (w * source).sum(1), (w * target).sum(1)
    x, y = source - source_mean[:, None], target - target_mean[:, None]
    variance, target_variance = ((w * p.square()).sum((1, 2)) for p in (x, y))
    limit, still = _rounding(source_mean, target_mean, variance, target_variance)
    return _Moments(source_mean, target_mean, (w * y).transpose(1, 2) @ x, variance, limit, still)


def _rounding(
    source_mean: Tensor, target_mean: Tensor, variance: Tensor, target_variance: Tensor
) -> tuple[Tensor, Tensor]:
    """What the coordinates' last digits leave in the covariance, and whether the source moved."""
    unit = 16 * torch.finfo(variance.dtype).eps
    x, y = variance.detach(), target_variance.detach()
    reach_x = (x + source_mean.detach().square().sum(-1)).sqrt()
    reach_y = (y + target_mean.detach().square().sum(-1)).sqrt()
    return unit * (reach_x * y.sqrt() + reach_y * x.sqrt()), x.sqrt() <= unit * reach_x


def is_determined(source: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Whether the best rotation is unique, to rounding: (B,) bool.

    False where the points with weight of either set lie on a line or in one point, where the
    weights are all 0, and where a reflection fits so well that no single rotation is nearest.
    A metric counts such an element as failed.

    Args:
        source: (B, N, 3), N >= 3.
        target: the same shape, corresponding points.
        weights: (B, N), at least 0; equal ones if None.

    Raises:
        InputError: as `similarity_align`.
    """
    moments = _moments(source, target, weights)
    _, values, sign = _nearest_rotation(moments.covariance.detach(), allow_reflection=False)
    gap = values[:, 1] + sign * values[:, 2]
    return gap > moments.limit


def _nearest_rotation(covariance: Tensor, allow_reflection: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The rotation with the largest trace(R^T covariance), singular values and last sign."""
    U, values, Vh = torch.linalg.svd(covariance)
    sign = torch.ones_like(values[:, 0])
    if not allow_reflection:
        sign = torch.where(torch.linalg.det(U @ Vh) < 0, -sign, sign)
    flip = torch.stack((torch.ones_like(sign), torch.ones_like(sign), sign), -1)
    return (U * flip[:, None]) @ Vh, values, sign


def _rotation_step(R: Tensor, covariance: Tensor, limit: Tensor) -> Tensor:
    """R with the derivative of the nearest rotation to `covariance` attached.

    With M = R P, P symmetric, a change dM turns R by w = (trace(P) I - P)^-1 vee(R^T dM - dM^T R)
    in its own frame. Unlike the derivative of an SVD this is finite when singular values are
    equal; turns that no point resists (eigenvalues up to `limit`) get no gradient.
    """
    product = R.transpose(1, 2) @ covariance
    detached = product.detach()
    P = 0.5 * (detached + detached.transpose(1, 2))
    eye = torch.eye(3, dtype=R.dtype, device=R.device)
    stiffness = torch.diagonal(P, dim1=1, dim2=2).sum(-1)[:, None, None] * eye - P
    eigenvalues, Q = torch.linalg.eigh(stiffness)
    loose = eigenvalues.abs() <= limit[:, None]
    inverse = torch.where(loose, 0.0, 1 / eigenvalues.masked_fill(loose, 1.0))
    skew = product - product.transpose(1, 2)
    vee = torch.stack((skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]), -1)
    w = ((Q * inverse[:, None]) @ Q.transpose(1, 2) @ vee[..., None])[..., 0]
    x, y, z = (w - w.detach()).unbind(-1)
    o = torch.zeros_like(x)
    turn = torch.stack((o, -z, y, z, o, -x, -y, x, o), -1).unflatten(-1, (3, 3))
    return R + R @ turn


def similarity_align(
    source: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    *,
    scale: bool = True,
    allow_reflection: bool = False,
) -> Similarity:
    """The similarity with the least weighted squared distance from source to target.

    Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point Patterns,
    PAMI 1991, with weights. First derivatives with respect to all three tensors are exact.

    Degenerate input gives finite values and gradients: points on a line leave the turn about it
    open (one of the best rotations is returned, no gradient flows through that turn), a source
    in one point or all weights 0 give scale 1 and no rotation. `is_determined` tells.

    Args:
        source: (B, N, 3), N >= 3.
        target: the same shape, corresponding points.
        weights: (B, N), at least 0; equal ones if None.
        scale: False keeps the scale at 1.
        allow_reflection: True also accepts determinant -1 where that fits better.

    Returns:
        `Similarity` that maps source to target.

    Raises:
        InputError: wrong or unequal shapes, fewer than 3 points, a negative weight.

    >>> source = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]])
    >>> found = similarity_align(source, 3 * source + 1)
    >>> found.scale.round(decimals=4), found.translation.round(decimals=4)
    (tensor([3.]), tensor([[1., 1., 1.]]))
    """
    moments = _moments(source, target, weights)
    covariance, variance = moments.covariance, moments.variance
    R = _nearest_rotation(covariance.detach(), allow_reflection)[0].detach()
    flat = (covariance.detach().abs().amax((1, 2)) <= moments.limit)[:, None, None]
    R = torch.where(flat, torch.eye(3, dtype=R.dtype, device=R.device), R)
    R = _rotation_step(R, covariance, moments.limit)
    factor = torch.ones_like(variance)
    if scale:
        trace = (R * covariance).sum((1, 2))
        safe = torch.where(moments.still, factor, variance)
        factor = torch.where(moments.still, factor, trace / safe)
    moved = (R @ moments.source_mean[..., None])[..., 0]
    return Similarity(factor, R, moments.target_mean - factor[:, None] * moved)


def align_points(source: Array, target: Array, *, fixed_scale: float | None = None) -> Similarity:
    """`similarity_align` of two sets of corresponding points in NumPy, in float64.

    Args:
        source: (N, 3), N >= 3.
        target: (N, 3).
        fixed_scale: the scale to keep; None estimates it.

    Returns:
        a batch of one.

    Raises:
        InputError: wrong or unequal shapes, fewer than 3 points.
    """
    factor = 1.0 if fixed_scale is None else fixed_scale
    pair = [torch.from_numpy(np.ascontiguousarray(p))[None] for p in (factor * source, target)]
    unscaled = similarity_align(pair[0], pair[1], scale=fixed_scale is None)
    return Similarity(unscaled.scale * factor, unscaled.rotation, unscaled.translation)
