"""The solver of points as a graph that leaves torch: the same steps, in operators that ONNX has."""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.point_solver import PointSolver
from ...geometry.point_view import PosedValues
from ...models.exported.linear_solve import solve_traced

_SQUARINGS = 16  # a gap of 1 in 10,000 between two turns decides itself


class TracedSolver(PointSolver):
    """`PointSolver` while it is being exported: systems by `solve_traced`, turns without an SVD."""

    def _usable(self, points: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Everything is usable: what is no number stays so, in its own face only."""
        return points, sigma, torch.zeros_like(points[:, 0, 0], dtype=torch.bool)

    def _solved(self, system: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
        """x (B,7+K) of (system + diagonal) x = right."""
        whole = system + torch.diag_embed(diagonal)
        scale = torch.diagonal(whole, dim1=1, dim2=2).rsqrt()
        scaled = whole * scale[:, :, None] * scale[:, None]
        return solve_traced(scaled, (right * scale)[..., None])[..., 0] * scale

    def _start(self, points: Tensor, weight: Tensor) -> PosedValues:
        """The mean face, placed by the similarity of Horn's quaternions (JOSA A 1987)."""
        view = self._view
        weight = weight[..., 0].square()
        share = (weight / weight.sum(1, keepdim=True))[..., None]
        upright = points * points.new_tensor([1.0, -1.0, 1.0])
        body = view.body[None]
        from_mean, to_mean = (share * body).sum(1), (share * upright).sum(1)
        source, target = body - from_mean[:, None], upright - to_mean[:, None]
        covariance = (share * target).mT @ source
        rotation = nearest_rotation(covariance)
        scale = (rotation * covariance).sum((1, 2)) / (share * source.square()).sum((1, 2))
        moved = (rotation @ from_mean[..., None])[..., 0]
        place = (to_mean - scale[:, None] * moved)[:, :2] * points.new_tensor([1.0, -1.0])
        none = torch.zeros_like(scale)
        values = none[:, None].expand(-1, self._count)
        return PosedValues(rotation, scale, place, none + self.config.nearness[0], values)


def nearest_rotation(covariance: Tensor) -> Tensor:
    """The rotations R (B,3,3) with the largest trace(R^T covariance), by products alone.

    The eigenvector of the largest eigenvalue of Horn's matrix is the rotation's quaternion; what
    squaring the matrix leaves is its outer product, in which the rotation is linear.

    Args:
        covariance: (B,3,3), target times source.
    """
    S = covariance.mT
    xx, yy, zz = S[:, 0, 0], S[:, 1, 1], S[:, 2, 2]
    a, b, c = S[:, 1, 2] - S[:, 2, 1], S[:, 2, 0] - S[:, 0, 2], S[:, 0, 1] - S[:, 1, 0]
    d, e, f = S[:, 0, 1] + S[:, 1, 0], S[:, 2, 0] + S[:, 0, 2], S[:, 1, 2] + S[:, 2, 1]
    rows = (
        (xx + yy + zz, a, b, c),
        (a, xx - yy - zz, d, e),
        (b, d, yy - xx - zz, f),
        (c, e, f, zz - xx - yy),
    )
    power = torch.stack([torch.stack(row, -1) for row in rows], 1)
    size = power.square().sum((1, 2), keepdim=True).sqrt()
    power = power + size * torch.eye(4, dtype=power.dtype, device=power.device)
    for _ in range(_SQUARINGS):
        power = power / power.square().sum((1, 2), keepdim=True).sqrt()
        power = power @ power
    q = power / torch.diagonal(power, dim1=1, dim2=2).sum(1)[:, None, None]
    w, x, y, z = (q[:, k, k] for k in range(4))
    turned = (
        (w + x - y - z, 2 * (q[:, 1, 2] - q[:, 0, 3]), 2 * (q[:, 1, 3] + q[:, 0, 2])),
        (2 * (q[:, 1, 2] + q[:, 0, 3]), w - x + y - z, 2 * (q[:, 2, 3] - q[:, 0, 1])),
        (2 * (q[:, 1, 3] - q[:, 0, 2]), 2 * (q[:, 2, 3] + q[:, 0, 1]), w - x - y + z),
    )
    return torch.stack([torch.stack(row, -1) for row in turned], 1)
