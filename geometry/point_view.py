"""How the points of a posed face are seen by a perspective camera, and how that changes with it.

The camera looks at the head's middle; lengths are half sides of the crop from its middle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .align import similarity_align
from .camera import PerspectiveCamera
from .coefficients import EXPRESSION_UNIT
from .rotation import rotvec_to_matrix

PIVOT_MM = (0.0, -13.0, -66.0)  # the head's middle, which the camera looks at
POSE = 7
"""Unknowns before the coefficients: turn (3), log scale, middle (2), nearness."""

_NEARNESS_RANGE = (2e-4, 2.5e-3)  # 1/mm: from 5 m to 0.4 m


@dataclass(frozen=True)
class PosedValues:
    """B faces where they are seen.

    Attributes:
        rotation: (B,3,3).
        scale: (B,) half sides per mm at the pivot.
        middle: (B,2) where the pivot is seen.
        nearness: (B,) 1 / distance of the pivot, 1/mm.
        values: (B,K) coefficients.
    """

    rotation: Tensor
    scale: Tensor
    middle: Tensor
    nearness: Tensor
    values: Tensor

    def spoilt(self, bad: Tensor) -> PosedValues:
        """NaN for bad faces (B,)."""
        values = self.values.masked_fill(bad[:, None], torch.nan)
        return replace(self, nearness=self.nearness.masked_fill(bad, torch.nan), values=values)


@dataclass(frozen=True)
class PointSlopes:
    """Derivatives of the seen points (B,N,3).

    Attributes:
        pose: (B,N,3,7) by the pose.
        body: (B,N,3,3) by the points of the face itself.
        modes: (N,3,K) of these by the coefficients.
    """

    pose: Tensor
    body: Tensor
    modes: Tensor

    def design(self, weight: Tensor) -> Tensor:
        """All of them (B,3N,7+K), times weights (B,N,3): costly, needed for the curvature alone."""
        whole = torch.cat([self.pose, self.body @ self.modes], -1)
        return (whole * weight[..., None]).flatten(1, 2)

    def gathered(self, values: Tensor) -> Tensor:
        """What values (B,N,3) of the seen points say of the unknowns (B,7+K): J^T values."""
        pose = torch.einsum("bnip,bni->bp", self.pose, values)
        body = (values[..., None, :] @ self.body)[..., 0, :]
        return torch.cat([pose, body.flatten(1) @ self.modes.flatten(0, 1)], 1)


class PointView:
    """The points of one face model and what moves them.

    Args:
        mean: (N,3) mm of the points.
        modes: (K,N,3) what a unit of each coefficient adds.
        free: so many of them, the first ones, have no bounds; the others stay within
            0 and 1 / `EXPRESSION_UNIT`.
    """

    def __init__(self, mean: Tensor, modes: Tensor, free: int) -> None:
        self._modes, self._free = modes.permute(1, 2, 0).contiguous(), free  # (N,3,K)
        self._pivot = modes.new_tensor(PIVOT_MM)
        self._upright = modes.new_tensor([1.0, -1.0, 1.0])
        self.body = mean - self._pivot

    def to(self, device: torch.device | str) -> PointView:
        """Itself, moved to another device."""
        for name in ("_modes", "_pivot", "_upright", "body"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def start(self, points: Tensor, weight: Tensor, nearness: float) -> PosedValues:
        """The mean face, placed by a similarity.

        Args:
            points: (B,N,3). weight: (B,N) of each. nearness: where every face begins.
        """
        batch = len(points)
        upright = points * self._upright
        body = self.body.expand(batch, -1, -1)
        aligned = similarity_align(body, upright, weight / weight.sum(1, keepdim=True))
        middle = aligned.translation[:, :2] * self._upright[:2]
        near = points.new_full((batch,), nearness)
        values = points.new_zeros(batch, self._modes.shape[2])
        return PosedValues(aligned.rotation, aligned.scale, middle, near, values)

    def linearise(self, state: PosedValues) -> tuple[Tensor, PointSlopes]:
        """Seen points (B,N,3) and how they move with pose and values."""
        V = (self.body + (self._modes @ state.values.T).permute(2, 0, 1)) @ state.rotation.mT
        home = (state.rotation @ -self._pivot)[:, None]  # the model's origin
        rho, s = state.nearness[:, None], state.scale[:, None]
        q, q0 = s / (1 - rho * V[..., 2]), s / (1 - rho * home[..., 2])
        x, y, z = V.unbind(-1)
        seen = torch.stack(
            [state.middle[:, :1] + q * x, state.middle[:, 1:] - q * y, q0 * (z - home[..., 2])], -1
        )
        zero = torch.zeros_like(q)
        lens = rho * q * q / s
        G = torch.stack(
            [q, zero, lens * x, zero, -q, -lens * y, zero, zero, q0.expand_as(q)], -1
        ).unflatten(-1, (3, 3))
        turn = G @ _cross(V)
        turn[..., 2, :] -= q0[..., None] * _cross(home)[..., 2, :]
        grow = seen - torch.cat([state.middle, torch.zeros_like(rho)], -1)[:, None]
        shift = torch.eye(3, 2, dtype=q.dtype, device=q.device).expand(*q.shape, 3, 2)
        near = (
            torch.stack([q * z, q * z, (q0 * home[..., 2]).expand_as(q)], -1) / s[..., None] * grow
        )
        pose = torch.cat([turn, grow[..., None], shift, near[..., None]], -1)
        return seen, PointSlopes(pose, G @ state.rotation[:, None], self._modes)

    def moved(self, state: PosedValues, step: Tensor) -> PosedValues:
        """After a step (B,7+K), within the bounds."""
        turn = rotvec_to_matrix(step[:, :3])
        values = state.values + step[:, POSE:]
        bounded = values[:, self._free :].clamp(0.0, 1 / EXPRESSION_UNIT)
        return PosedValues(
            turn @ state.rotation,
            state.scale * step[:, 3].clamp(-0.5, 0.5).exp(),
            state.middle + step[:, 4:6],
            (state.nearness + step[:, 6]).clamp(*_NEARNESS_RANGE),
            torch.cat([values[:, : self._free], bounded], 1),
        )

    def camera(self, state: PosedValues) -> PerspectiveCamera:
        """Projects model space (mm) into half sides of the crop, y down."""
        distance = 1 / state.nearness
        away = torch.stack([torch.zeros_like(distance)] * 2 + [-distance], -1)
        pivot = state.rotation @ self._pivot
        return PerspectiveCamera(state.rotation, away - pivot, state.scale * distance, state.middle)


def _cross(v: Tensor) -> Tensor:
    """M (...,3,3) with M w = w x v."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, z, -y, -z, o, x, y, -x, o], -1).unflatten(-1, (3, 3))
