"""Several pictures of one person: one identity, and a camera and an expression for each.

The steps are `PointSolver`'s, all pictures at once. Each picture's own unknowns are eliminated
(Schur complement), so that a linear system of the identity's size is left, however many pictures
there are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bounded_step import solve_system
from .lip_columns import LipEvidence
from .point_solver import CoefficientPrior, PointSolver, SolvedFaces
from .point_view import POSE


class JointSolver(PointSolver):
    """Solves a batch of dense points as that of one person."""

    @torch.no_grad()
    def __call__(
        self,
        points: Tensor,
        sigma: Tensor,
        prior: CoefficientPrior | None = None,
        lips: LipEvidence | None = None,
    ) -> SolvedFaces:
        """The most probable faces, one for each picture, all with the same identity.

        What the pictures' points say adds up; what is expected of the identity counts once, as the
        mean of the priors. A picture with points that are no numbers says nothing of the others and
        becomes NaN.

        Args:
            points, sigma, lips: as `PointSolver`, a row for each picture.
            prior: likewise.

        Raises:
            InputError: a wrong shape, or lips for a solver without.
        """
        self.to(points.device)
        known = prior or self._prior
        shape = (len(points), self._count)
        precision = known.precision.expand(shape).clone()
        precision[:, : self._identity] /= max(len(points), 1)
        once = CoefficientPrior(known.mean.expand(shape), precision)
        return super().__call__(points, sigma, once, lips)

    def _solved(self, system: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
        """The step (B,7+K) with the same identity in every row."""
        count = right.shape[1]
        shared = torch.arange(POSE, POSE + self._identity, device=right.device)
        separate = torch.cat([torch.arange(POSE), torch.arange(POSE + self._identity, count)])
        separate = separate.to(right.device)
        whole = system + torch.diag_embed(diagonal)
        corner = whole[:, separate][:, :, separate]
        border = whole[:, separate][:, :, shared]
        zero = corner.new_zeros(corner.shape[:2])
        joined = solve_system(corner, zero, torch.cat([border, right[:, separate, None]], 2))
        reach, alone = joined[..., :-1], joined[..., -1]
        left = (whole[:, shared][:, :, shared] - border.mT @ reach).sum(0, keepdim=True)
        goal = (right[:, shared] - (border.mT @ alone[..., None])[..., 0]).sum(0, keepdim=True)
        identity = solve_system(left, zero.new_zeros(1, len(shared)), goal[..., None])[..., 0]
        step = torch.empty_like(right)
        step[:, shared] = identity
        step[:, separate] = alone - (reach @ identity[0])
        return step
