"""Coefficients and camera behind dense points: the most probable face, by Gauss-Newton steps.

Points are seen by a perspective camera that looks at the head's middle; identity and expression
have normal priors, expressions stay in [0,1]. Every face of a batch takes the same few steps, each
one linear solve, so that a photograph costs about a millisecond and a batch much less.

Gradients to the points and to the prior pass through one further step from where the others ended.
There the step is A^-1 (D^T W (points - seen) + P (prior - values)), whose derivative is that of the
solution itself (implicit function theorem, curvature as Gauss and Newton have it).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InputError
from .bounded_step import bounded_step, solve_system
from .camera import PerspectiveCamera
from .checks import check_shape
from .coefficients import EXPRESSION_UNIT
from .dense_points import PointBasis
from .lip_columns import LipColumns, LipEvidence
from .point_view import POSE, PointView, PosedValues


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


class PointSolver:
    """Solves batches of dense points of one face model, on the points' device.

    >>> from selfie3d.facemodels import load_face_model
    >>> from selfie3d.geometry import make_layout
    >>> model = load_face_model("default-face")
    >>> basis = PointBasis.of(model, make_layout(model, 40))
    >>> points = basis.mean[None] * torch.tensor([0.01, -0.01, 0.01])  # y down, half sides
    >>> solved = PointSolver(basis)(points, torch.full(points.shape[:2], 0.01))
    >>> bool((solved.points - points).norm(dim=-1).max() < 0.02), solved.camera.rotation.shape
    (True, torch.Size([1, 3, 3]))

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
        self._view = PointView(basis.mean, modes, self._identity)
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
        if self._bounded.device != torch.device(device):
            self.basis, self._prior = self.basis.to(device), self._prior.to(device)
            self._view.to(device)
            for name in ("_expression", "_bounded"):
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
        return self._result(state.spoilt(bad))

    @torch.no_grad()
    def placed(self, points: Tensor, sigma: Tensor) -> SolvedFaces:
        """The mean face where the points are: about the right scale and pose, at little cost.

        Args:
            points: (B,N,3). sigma: (B,N), both as calling it.

        Raises:
            InputError: a wrong shape.
        """
        points, sigma, bad = self._usable(points, sigma)
        start = self._start(points, self._weight(points, sigma))
        return self._result(start.spoilt(bad))

    def differentiable(
        self, points: Tensor, sigma: Tensor, prior: CoefficientPrior | None = None
    ) -> SolvedFaces:
        """As calling it, one step further, with gradients to `points` and to the prior's mean."""
        points, sigma, bad = self._usable(points, sigma)
        with torch.no_grad():
            weight = self._weight(points, sigma)
            state = self._settled(points, weight, prior)
            seen, slopes = self._view.linearise(state)
            design = slopes.design(weight)
            system = design.mT @ design
        right = slopes.gathered((points - seen) * weight.square())
        step = self._newton(state, system, right, prior or self._prior)
        return self._result(self._view.moved(state, step).spoilt(bad))

    def _usable(self, points: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both with bad faces replaced, lest they stop the others; which they are (B,)."""
        check_shape("points", points, (None, len(self._view.body), 3))
        check_shape("sigma", sigma, tuple(points.shape[:2]))
        self.to(points.device)
        bad = ~(points.isfinite().all(2) & sigma.isfinite()).all(1)
        points = torch.where(bad[:, None, None], self._view.body / 100, points)
        return points, torch.where(bad[:, None], 1.0, sigma), bad

    def _weight(self, points: Tensor, sigma: Tensor) -> Tensor:
        error = self.config.noise * (sigma.square() + self.config.floor**2).sqrt()
        return torch.stack([error, error, error * self.config.depth_noise], -1).reciprocal()

    def _start(self, points: Tensor, weight: Tensor) -> PosedValues:
        return self._view.start(points, weight[..., 0].square(), self.config.nearness[0])

    def _settled(
        self,
        points: Tensor,
        weight: Tensor,
        prior: CoefficientPrior | None,
        lips: LipEvidence | None = None,
    ) -> PosedValues:
        """Where the steps end."""
        state = self._start(points, weight)
        system = points.new_empty(0)
        for step in range(self.config.steps + (0 if lips is None else self.config.lip_steps)):
            seen, slopes = self._view.linearise(state)
            if step < self.config.curvatures:
                design = slopes.design(weight)
                system = design.mT @ design
            right = slopes.gathered((points - seen) * weight.square())
            newton = self._newton(state, system, right, prior or self._prior, lips)
            state = self._view.moved(state, newton)
        return state

    def _newton(
        self,
        state: PosedValues,
        system: Tensor,
        right: Tensor,
        prior: CoefficientPrior,
        lips: LipEvidence | None = None,
    ) -> Tensor:
        """The step (B,7+K) that points with a curvature (B,7+K,7+K) and a slope (B,7+K) ask for."""
        if lips is not None:
            rows, left = self._of_lips(state, lips)
            system = system + rows.mT @ rows
            right = right + (rows.mT @ left[..., None])[..., 0]
        return self._step(state, system, right, prior)

    def _of_lips(self, state: PosedValues, lips: LipEvidence) -> tuple[Tensor, Tensor]:
        """Weighted derivatives (B,C,7+K) of the lips' openings, and weighted errors (B,C)."""
        if self.lips is None:
            raise InputError("lips", "None, of a solver without lips", "evidence")
        identity, expression = self._coefficients(state)
        opening, rows = self.lips.linearised(torch.cat([identity, expression], 1))
        unit = torch.where(self._bounded, EXPRESSION_UNIT, 1.0)
        rows = torch.nn.functional.pad(rows[..., self.columns] * unit, (POSE, 0))
        weight = lips.error.reciprocal()
        return rows * weight[..., None], (lips.opening - opening) * weight

    def _step(
        self, state: PosedValues, system: Tensor, right: Tensor, prior: CoefficientPrior
    ) -> Tensor:
        """The step (B,7+K) with what is expected of nearness and coefficients."""
        mean, spread = self.config.nearness
        pulled, diagonal = torch.zeros_like(right), torch.zeros_like(right)
        pulled[:, POSE - 1] = (mean - state.nearness) * spread**-2
        pulled[:, POSE:] = (prior.mean - state.values) * prior.precision
        diagonal[:, POSE - 1] = spread**-2
        diagonal[:, POSE:] = prior.precision
        return bounded_step(
            system,
            diagonal,
            right + pulled,
            values=state.values,
            bounded=self._bounded,
            solve=self._solved,
        )

    def _solved(self, system: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
        """x (B,7+K) of (system + diagonal) x = right."""
        return solve_system(system, diagonal, right[..., None])[..., 0]

    def _result(self, state: PosedValues) -> SolvedFaces:
        identity, expression = self._coefficients(state)
        camera = self._view.camera(state)
        points = camera.project(self.basis.points(identity, expression))
        return SolvedFaces(identity, expression, camera, points)

    def _coefficients(self, state: PosedValues) -> tuple[Tensor, Tensor]:
        """All identity (B,Ki) and expression coefficients (B,Ke)."""
        batch, basis = state.scale.shape[0], self.basis
        identity = state.values.new_zeros(batch, len(basis.identity))
        identity[:, : self._identity] = state.values[:, : self._identity]
        expression = state.values.new_zeros(batch, len(basis.expression))
        expression[:, self._expression] = state.values[:, self._identity :] * EXPRESSION_UNIT
        return identity, expression
