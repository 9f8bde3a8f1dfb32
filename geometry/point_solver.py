"""Coefficients and camera behind dense points: the most probable face, by Gauss-Newton steps.

Points are seen by a perspective camera that looks at the head's middle; identity and expression
have normal priors, expressions stay in [0,1]. Every face of a batch takes the same few steps, each
one linear solve, so that a photograph costs about a millisecond and a batch much less.

Gradients to the points and to the prior pass through one further step from where the others ended.
There the step is A^-1 (D^T W (points - seen) + P (prior - values)), whose derivative is that of the
solution itself (implicit function theorem, curvature as Gauss and Newton have it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..core.errors import InputError
from .align import similarity_align
from .camera import PerspectiveCamera
from .checks import check_shape
from .coefficients import EXPRESSION_UNIT
from .dense_points import PointBasis
from .lip_columns import LipColumns, LipEvidence
from .rotation import rotvec_to_matrix

PIVOT_MM = (0.0, -13.0, -66.0)  # the head's middle, which the camera looks at
POSE = 7
"""Unknowns before the coefficients: turn (3), log scale, middle (2), nearness."""

_FIXED = 1e6  # stiffness of an expression that is held at a bound
_NEARNESS_RANGE = (2e-4, 2.5e-3)  # 1/mm: from 5 m to 0.4 m


@dataclass(frozen=True)
class SolverConfig:
    """How much `PointSolver` trusts points against priors, and how long it works.

    Attributes:
        steps: Gauss-Newton steps.
        curvatures: steps that recompute the curvature, the costly part; later ones reuse it.
        noise: the points' errors over their predicted sizes; above 1 because the errors of
            neighbours agree, so that many points say less than their number.
        depth_noise: how much larger errors in z are than those in x and y.
        floor: smallest error of a point, in half sides of the crop.
        nearness: expected 1 / distance, in 1/mm, and its spread.
        identity_modes: identity coefficients solved for, the first ones; others stay 0.
        expression_spread: prior of a blendshape's weight, standard deviation.
        lip_steps: further steps where it is known how far lips are apart: their opening is linear
            in pieces.
    """

    steps: int = 3
    curvatures: int = 2
    noise: float = 4.0
    depth_noise: float = 1.5
    floor: float = 0.002
    nearness: tuple[float, float] = (9e-4, 5e-4)
    identity_modes: int = 120
    expression_spread: float = 0.3
    lip_steps: int = 2


@dataclass(frozen=True)
class CoefficientPrior:
    """Where coefficients are expected before the points are seen.

    Attributes:
        mean: (B,K) in the units of `coefficients_to_vector`, identity then expression.
        precision: (B,K) or (K,), one over the variance.
    """

    mean: Tensor
    precision: Tensor

    def to(self, device: torch.device | str) -> CoefficientPrior:
        """The same prior on another device."""
        return CoefficientPrior(self.mean.to(device), self.precision.to(device))


@dataclass(frozen=True)
class SolvedFaces:
    """The faces that `PointSolver` found; lengths in half sides of the crop from its middle.

    Attributes:
        identity: (B,Ki).
        expression: (B,Ke).
        camera: projects model space (mm) into these lengths, y down.
        points: (B,N,3) the points of the solved faces.
    """

    identity: Tensor
    expression: Tensor
    camera: PerspectiveCamera
    points: Tensor


@dataclass(frozen=True)
class _State:
    rotation: Tensor  # (B,3,3)
    scale: Tensor  # (B,) half sides per mm at the pivot
    middle: Tensor  # (B,2) where the pivot is seen
    nearness: Tensor  # (B,) 1 / distance of the pivot
    values: Tensor  # (B,K)


class PointSolver:
    """Solves batches of dense points of one face model, on the points' device.

    Args:
        basis: the model at the points.
        config: how; None: the defaults of `SolverConfig`.
        lips: the model's lips, for faces of which it is known how far these are apart.

    Attributes:
        columns: (K,) int64: which entries of a coefficient vector are solved for, in order.
    """

    def __init__(
        self,
        basis: PointBasis,
        config: SolverConfig | None = None,
        lips: LipColumns | None = None,
    ) -> None:
        self.basis, self.config, self.lips = basis, config or SolverConfig(), lips
        moving = basis.expression.flatten(1).abs().amax(1) > 0
        self._identity = min(self.config.identity_modes, len(basis.identity))
        self._expression = torch.nonzero(moving)[:, 0]
        modes = torch.cat(
            [basis.identity[: self._identity], basis.expression[self._expression] * EXPRESSION_UNIT]
        )
        self._modes = modes.permute(1, 2, 0).contiguous()  # (N,3,K)
        self._pivot = modes.new_tensor(PIVOT_MM)
        self._upright = modes.new_tensor([1.0, -1.0, 1.0])
        self._body = basis.mean - self._pivot
        self._count = modes.shape[0]
        bounded = torch.arange(self._count, device=modes.device) >= self._identity
        sizes = modes.new_ones(self._count)
        sizes[bounded] = self.config.expression_spread / EXPRESSION_UNIT
        self._bounded = bounded
        self._prior = CoefficientPrior(modes.new_zeros(1, self._count), sizes.square().reciprocal())
        first = torch.arange(self._identity, device=modes.device)
        self.columns = torch.cat([first, self._expression + len(basis.identity)])

    def to(self, device: torch.device | str) -> PointSolver:
        """Itself, moved to another device; points from elsewhere move it, too."""
        if self._body.device != torch.device(device):
            self.basis, self._prior = self.basis.to(device), self._prior.to(device)
            for name in ("_expression", "_modes", "_pivot", "_upright", "_body", "_bounded"):
                setattr(self, name, getattr(self, name).to(device))
            self.columns = self.columns.to(device)
            self.lips = None if self.lips is None else self.lips.to(device)
        return self

    @torch.no_grad()
    def __call__(
        self,
        points: Tensor,
        sigma: Tensor,
        prior: CoefficientPrior | None = None,
        lips: LipEvidence | None = None,
    ) -> SolvedFaces:
        """The most probable faces, without gradients; NaN where points are no numbers.

        Args:
            points: (B,N,3) as `PointPrediction.points`.
            sigma: (B,N) expected error of each point in x and y, same unit, > 0.
            prior: of the coefficients in `columns`; the model's own if None.
            lips: how far these are apart, for a solver that was given the model's.

        Raises:
            InputError: a wrong shape, or lips for a solver without.
        """
        points, sigma, bad = self._usable(points, sigma)
        state = self._settled(points, self._weight(points, sigma), prior, lips)
        return self._result(_spoilt(state, bad))

    @torch.no_grad()
    def placed(self, points: Tensor, sigma: Tensor) -> SolvedFaces:
        """The mean face where the points are: about the right scale and pose, at little cost.

        Args:
            points: (B,N,3). sigma: (B,N), both as calling it.

        Raises:
            InputError: a wrong shape.
        """
        points, sigma, bad = self._usable(points, sigma)
        start = self._start(points, self._weight(points, sigma)[..., 0].square())
        return self._result(_spoilt(start, bad))

    def differentiable(
        self, points: Tensor, sigma: Tensor, prior: CoefficientPrior | None = None
    ) -> SolvedFaces:
        """As calling it, one step further, with gradients to `points` and to the prior's mean."""
        points, sigma, bad = self._usable(points, sigma)
        with torch.no_grad():
            weight = self._weight(points, sigma)
            state = self._settled(points, weight, prior)
            seen, design = self._linearise(state, weight)
            system = design.mT @ design
        step = self._newton(state, system, design, (points - seen) * weight, prior or self._prior)
        return self._result(_spoilt(self._moved(state, step), bad))

    def _usable(self, points: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both with bad faces replaced, lest they stop the others; which they are (B,)."""
        check_shape("points", points, (None, len(self._body), 3))
        check_shape("sigma", sigma, tuple(points.shape[:2]))
        self.to(points.device)
        bad = ~(points.isfinite().all(2) & sigma.isfinite()).all(1)
        points = torch.where(bad[:, None, None], self._body / 100, points)
        return points, torch.where(bad[:, None], 1.0, sigma), bad

    def _weight(self, points: Tensor, sigma: Tensor) -> Tensor:
        error = self.config.noise * (sigma.square() + self.config.floor**2).sqrt()
        return torch.stack([error, error, error * self.config.depth_noise], -1).reciprocal()

    def _settled(
        self,
        points: Tensor,
        weight: Tensor,
        prior: CoefficientPrior | None,
        lips: LipEvidence | None = None,
    ) -> _State:
        """Where the steps end."""
        state = self._start(points, weight[..., 0].square())
        system = points.new_empty(0)
        for step in range(self.config.steps + (0 if lips is None else self.config.lip_steps)):
            seen, design = self._linearise(state, weight)
            if step < self.config.curvatures:
                system = design.mT @ design
            error = (points - seen) * weight
            newton = self._newton(state, system, design, error, prior or self._prior, lips)
            state = self._moved(state, newton)
        return state

    def _newton(
        self,
        state: _State,
        system: Tensor,
        design: Tensor,
        error: Tensor,
        prior: CoefficientPrior,
        lips: LipEvidence | None = None,
    ) -> Tensor:
        """The step of weighted errors (B,N,3)."""
        right = (design.mT @ error.flatten(1)[..., None])[..., 0]
        if lips is not None:
            rows, left = self._of_lips(state, lips)
            system = system + rows.mT @ rows
            right = right + (rows.mT @ left[..., None])[..., 0]
        return self._step(state, system, right, prior)

    def _of_lips(self, state: _State, lips: LipEvidence) -> tuple[Tensor, Tensor]:
        """Weighted derivatives (B,C,7+K) of the lips' openings, and weighted errors (B,C)."""
        if self.lips is None:
            raise InputError("lips", "None, of a solver without lips", "evidence")
        identity, expression = self._coefficients(state)
        opening, rows = self.lips.linearised(torch.cat([identity, expression], 1))
        unit = torch.where(self._bounded, EXPRESSION_UNIT, 1.0)
        rows = torch.nn.functional.pad(rows[..., self.columns] * unit, (POSE, 0))
        weight = lips.error.reciprocal()
        return rows * weight[..., None], (lips.opening - opening) * weight

    def _start(self, points: Tensor, weight: Tensor) -> _State:
        """The mean face, placed by a similarity."""
        batch = len(points)
        upright = points * self._upright
        body = self._body.expand(batch, -1, -1)
        aligned = similarity_align(body, upright, weight / weight.sum(1, keepdim=True))
        middle = aligned.translation[:, :2] * self._upright[:2]
        nearness = points.new_full((batch,), self.config.nearness[0])
        values = points.new_zeros(batch, self._count)
        return _State(aligned.rotation, aligned.scale, middle, nearness, values)

    def _step(
        self, state: _State, system: Tensor, right: Tensor, prior: CoefficientPrior
    ) -> Tensor:
        """The Gauss-Newton step (B,7+K) on everything, expressions at a bound held there.

        Expressions that the step would take beyond a bound are led to it and the others solved
        again. Cutting them off alone leaves the others where they belong to what was cut, and the
        steps may swing between two faces for ever.
        """
        mean, spread = self.config.nearness
        pulled = torch.zeros_like(right)
        pulled[:, POSE - 1] = (mean - state.nearness) * spread**-2
        pulled[:, POSE:] = (prior.mean - state.values) * prior.precision
        right = right + pulled
        diagonal = torch.zeros_like(right)
        diagonal[:, POSE - 1] = spread**-2
        diagonal[:, POSE:] = prior.precision + _FIXED * self._held(state.values, right[:, POSE:])
        free = self._solved(system, diagonal, right.detach())
        beyond, gap = self._beyond(state.values, free[:, POSE:])
        diagonal[:, POSE:] += _FIXED * beyond
        led = torch.nn.functional.pad(_FIXED * beyond * gap, (POSE, 0))
        return self._solved(system, diagonal, right + led)

    def _solved(self, system: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
        """x (B,7+K) of (system + diagonal) x = right."""
        return solve_system(system, diagonal, right[..., None])[..., 0]

    def _beyond(self, values: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Expressions that a step takes over a bound (B,K), 1 or 0, and their way to it."""
        reached = values + step
        bound = reached.clamp(0, 1 / EXPRESSION_UNIT)
        return (self._bounded & (reached != bound)).to(values), bound - values

    def _linearise(self, state: _State, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Seen points (B,N,3) and their weighted derivatives (B,3N,7+K) by pose and values."""
        V = (self._body + (self._modes @ state.values.T).permute(2, 0, 1)) @ state.rotation.mT
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
        values = (G @ state.rotation[:, None]) @ self._modes
        parts = [turn, grow[..., None], shift, near[..., None], values]
        return seen, (torch.cat(parts, -1) * weight[..., None]).flatten(1, 2)

    def _held(self, values: Tensor, gradient: Tensor) -> Tensor:
        """Expressions at a bound that would leave it: projected Newton (Bertsekas 1982), (B,K)."""
        low = (values <= 0) & (gradient < 0)
        high = (values >= 1 / EXPRESSION_UNIT) & (gradient > 0)
        return (self._bounded & (low | high)).to(values)

    def _moved(self, state: _State, step: Tensor) -> _State:
        turn = rotvec_to_matrix(step[:, :3])
        values = state.values + step[:, POSE:]
        bounded = values[:, self._identity :].clamp(0, 1 / EXPRESSION_UNIT)
        return _State(
            turn @ state.rotation,
            state.scale * step[:, 3].clamp(-0.5, 0.5).exp(),
            state.middle + step[:, 4:6],
            (state.nearness + step[:, 6]).clamp(*_NEARNESS_RANGE),
            torch.cat([values[:, : self._identity], bounded], 1),
        )

    def _result(self, state: _State) -> SolvedFaces:
        identity, expression = self._coefficients(state)
        distance = 1 / state.nearness
        away = torch.stack([torch.zeros_like(distance)] * 2 + [-distance], -1)
        pivot = state.rotation @ self._pivot
        camera = PerspectiveCamera(
            state.rotation, away - pivot, state.scale * distance, state.middle
        )
        points = camera.project(self.basis.points(identity, expression))
        return SolvedFaces(identity, expression, camera, points)

    def _coefficients(self, state: _State) -> tuple[Tensor, Tensor]:
        """All identity (B,Ki) and expression coefficients (B,Ke)."""
        batch, basis = len(state.scale), self.basis
        identity = state.values.new_zeros(batch, len(basis.identity))
        identity[:, : self._identity] = state.values[:, : self._identity]
        expression = state.values.new_zeros(batch, len(basis.expression))
        expression[:, self._expression] = state.values[:, self._identity :] * EXPRESSION_UNIT
        return identity, expression


def _spoilt(state: _State, bad: Tensor) -> _State:
    """NaN for bad faces (B,)."""
    values = state.values.masked_fill(bad[:, None], torch.nan)
    return replace(state, nearness=state.nearness.masked_fill(bad, torch.nan), values=values)


def solve_system(system: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
    """x (B,K,R) of (system + diagonal) x = right; NaN where that is not positive definite.

    Args:
        system: (B,K,K). diagonal: (B,K). right: (B,K,R).
    """
    scale = (torch.diagonal(system, dim1=1, dim2=2) + diagonal).rsqrt()
    scaled = (system + torch.diag_embed(diagonal)) * scale[:, :, None] * scale[:, None]
    factor, failed = torch.linalg.cholesky_ex(scaled)
    factor = factor.masked_fill(failed[:, None, None] > 0, torch.nan)
    return torch.cholesky_solve(right * scale[..., None], factor) * scale[..., None]


def _cross(v: Tensor) -> Tensor:
    """M (...,3,3) with M w = w x v."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, z, -y, -z, o, x, y, -x, o], -1).unflatten(-1, (3, 3))
